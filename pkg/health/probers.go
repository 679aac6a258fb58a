package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// closedWithin is how soon an engine's proxy closes a connection that it could not pass on.
const closedWithin = 50 * time.Millisecond

// answerTime is how long an answer of a name server may take: on one machine it is there at once, or lost.
const answerTime = time.Second

// The bounds of a greeting. RFC 5321 (4.5.3.1.5) has 512 octets as the longest line of a reply.
const (
	greetingTime   = 5 * time.Second
	greetingLength = 512
)

// TCP asks whether address ("host:port") takes connections, and keeps them for a moment: on a published port an
// engine's proxy takes them although nobody listens in the container, and closes them at once.
func TCP(address string) Prober {
	return prober{"TCP " + address, func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetReadDeadline(time.Now().Add(closedWithin)); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 1))
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		return fmt.Errorf("the connection was taken and closed at once: %w", err)
	}}
}

// TLS asks whether the server at address ("host:port") shakes hands. Whose certificate it shows is another question.
func TLS(address string) Prober {
	return prober{"TLS " + address, func(ctx context.Context) error {
		return connected(ctx, address, true, func(net.Conn) error { return nil })
	}}
}

// Greeting asks whether the server at address speaks first, as those for mail do, with a line that matches want. With
// TLS that comes after the handshake of [TLS].
func Greeting(address string, encrypted bool, want *regexp.Regexp) Prober {
	return prober{"greeting of " + address, func(ctx context.Context) error {
		return connected(ctx, address, encrypted, func(c net.Conn) error {
			line, err := bufio.NewReader(io.LimitReader(c, greetingLength)).ReadString('\n')
			switch {
			case err != nil:
				return fmt.Errorf("read the greeting: %w", err)
			case !want.MatchString(line):
				return fmt.Errorf("the greeting is %q, expected /%s/", strings.TrimSpace(line), want)
			}
			return nil
		})
	}}
}

// connected connects, shakes hands where that is asked for, and goes on to ask, all within [greetingTime].
func connected(ctx context.Context, address string, encrypted bool, ask func(net.Conn) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, greetingTime, fmt.Errorf("it says nothing within %s", greetingTime))
	defer cancel()
	var d interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = new(net.Dialer)
	if encrypted {
		//nolint:gosec // as TLS says
		d = &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	}
	c, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		defer c.Close()
		defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })()
		err = ask(c)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// HTTP asks whether a GET of url is answered with a status of 200 to 399. client says
// whether redirects are followed and which certificates are trusted.
func HTTP(url string, client *http.Client) Prober {
	return prober{url, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode < 200 || resp.StatusCode > 399 {
			return fmt.Errorf("status is %s", resp.Status)
		}
		return nil
	}}
}

// DNS asks the name server at two addresses, of UDP and of TCP, for the SOA record of a zone. An answer over UDP that
// is lost counts as none, and one that is cut off as one: a server that limits its answers sends who asks to TCP so.
func DNS(udp, tcp, zone string) Prober {
	return prober{"DNS " + udp, func(ctx context.Context) error {
		for network, address := range map[string]string{"udp": udp, "tcp": tcp} {
			question := new(dns.Msg).SetQuestion(dns.Fqdn(zone), dns.TypeSOA)
			client := dns.Client{Net: network, Timeout: answerTime}
			answer, _, err := client.ExchangeContext(ctx, question, address)
			if err != nil {
				return err
			}
			if len(answer.Answer) == 0 && (network == "tcp" || !answer.Truncated) {
				return fmt.Errorf("there is no SOA record of %s over %s: %s", zone, network, dns.RcodeToString[answer.Rcode])
			}
		}
		return nil
	}}
}

// Conn is a database connection, such as pgx's.
type Conn interface {
	Ping(ctx context.Context) error
	Close(ctx context.Context) error
}

// closeTimeout is how long a connection may take to say goodbye.
const closeTimeout = 2 * time.Second

// SQL asks whether the server of that name, shown without its password, lets one log in with connect and
// answers a query.
func SQL[C Conn](server string, connect func(ctx context.Context) (C, error)) Prober {
	return prober{"database " + server, func(ctx context.Context) error {
		conn, err := connect(ctx)
		if err != nil {
			return err
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			_ = conn.Close(ctx) // the answer is known
		}()
		return conn.Ping(ctx)
	}}
}

// Exec asks whether run succeeds, such as a command inside a container. what says what that is.
func Exec(what string, run func(ctx context.Context) error) Prober { return prober{what, run} }

// prober is a question and its name.
type prober struct {
	what string
	ask  func(context.Context) error
}

// Probe is part of [Prober].
func (p prober) Probe(ctx context.Context) error { return p.ask(ctx) }

// String is part of [Prober].
func (p prober) String() string { return p.what }
