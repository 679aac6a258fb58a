package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/secret"
)

// answerTime is how long one answer to a health check may take.
const answerTime = 5 * time.Second

// Place is where health checks ask: a container that runs.
type Place struct {
	Inspect  func(ctx context.Context) (engine.Container, error)
	Alive    func(ctx context.Context) error // an error once the container has ended
	Exec     func(ctx context.Context, user string, command []string) (engine.ExecResult, error)
	Password secret.Value   // of checks that log in to a database
	Roots    *x509.CertPool // whom checks with TLS trust, as localhost; nil is whom this machine trusts
}

// Prober asks what a health check asks. Ports are looked up each time: a restart may publish them elsewhere.
func (p Place) Prober(ctx context.Context, c image.Check) (health.Prober, error) {
	if c.Exec != nil {
		return health.Exec(CheckName(c), func(ctx context.Context) error {
			res, err := p.Exec(ctx, c.Exec.User, c.Exec.Run)
			if err == nil && res.Code != 0 {
				err = errors.New(Ending(res))
			}
			return err
		}), nil
	}
	port, err := p.published(ctx, c.Port(), "")
	if err != nil {
		return nil, err
	}
	switch address := reached(port); {
	case c.DNS != nil:
		udp, err := p.published(ctx, c.Port(), engine.UDP)
		if err != nil {
			return nil, err
		}
		return health.DNS(reached(udp), address, c.DNS.Zone), nil
	case c.TCP != nil && c.TCP.Greeting != "":
		return health.Greeting(address, c.TCP.TLS, regexp.MustCompile(c.TCP.Greeting)), nil
	case c.TCP != nil && c.TCP.TLS:
		return health.TLS(address), nil
	case c.TCP != nil:
		return health.TCP(address), nil
	case c.HTTP != nil:
		return p.http(address, *c.HTTP), nil
	}
	target := database.Target{
		Host: hostOf(port), Port: port.Host, User: c.SQL.User, Database: c.SQL.Database, Password: p.Password,
		Application: "poststack verify", ConnectTimeout: answerTime,
	}
	if c.SQL.TLS {
		target.SSLMode = "require"
	}
	return health.SQL(target.Redacted(), target.Connect), nil
}

// hostOf is the address at which this machine reaches a published port.
func hostOf(p engine.Port) string {
	if ip := net.ParseIP(p.HostIP); ip.IsUnspecified() {
		return Loopback
	}
	return p.HostIP
}

// reached is where this machine reaches a published port.
func reached(p engine.Port) string { return net.JoinHostPort(hostOf(p), strconv.Itoa(int(p.Host))) }

// published is where a port of the container is on this machine. The protocol is that of [engine.Port].
func (p Place) published(ctx context.Context, port uint16, protocol string) (engine.Port, error) {
	c, err := p.Inspect(ctx)
	if err != nil {
		return engine.Port{}, err
	}
	for _, known := range c.Ports {
		if known.Container == port && known.Protocol == protocol && known.Host != 0 {
			return known, nil
		}
	}
	if err := p.Alive(ctx); err != nil {
		return engine.Port{}, err
	}
	return engine.Port{}, fmt.Errorf("port %d is not published", port)
}

// http asks a server for a page.
func (p Place) http(address string, c image.HTTPCheck) health.Prober {
	transport := &http.Transport{DisableKeepAlives: true}
	scheme := "http://"
	if c.TLS {
		scheme = "https://"
		transport.TLSClientConfig = &tls.Config{RootCAs: p.Roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	}
	return health.HTTP(scheme+address+c.Path, &http.Client{Transport: transport, Timeout: answerTime})
}

// CheckName names a health check.
func CheckName(c image.Check) string {
	switch {
	case c.TCP != nil:
		return fmt.Sprintf("tcp %d", c.TCP.Port)
	case c.HTTP != nil && c.HTTP.TLS:
		return fmt.Sprintf("https %d %s", c.HTTP.Port, c.HTTP.Path)
	case c.HTTP != nil:
		return fmt.Sprintf("http %d %s", c.HTTP.Port, c.HTTP.Path)
	case c.DNS != nil:
		return fmt.Sprintf("dns %d %s", c.DNS.Port, c.DNS.Zone)
	case c.SQL != nil:
		return fmt.Sprintf("sql %d %s/%s", c.SQL.Port, c.SQL.User, c.SQL.Database)
	}
	return "exec " + CommandText(c.Exec.Run)
}

// CommandText is a command in one short line.
func CommandText(command []string) string {
	if len(command) == 0 {
		return "its own command"
	}
	text := strings.Join(strings.Fields(strings.Join(command, " ")), " ")
	const limit = 48
	if r := []rune(text); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return text
}

// Ending is how a command ended, with the last line that it printed.
func Ending(res engine.ExecResult) string {
	text := fmt.Sprintf("status %d", res.Code)
	for _, out := range []string{res.Stderr, res.Stdout} {
		if out = strings.TrimSpace(out); out != "" {
			return text + ": " + out[strings.LastIndexByte(out, '\n')+1:]
		}
	}
	return text
}

// Final tells the refusals of a database that no waiting cures.
func Final(err error) bool {
	var refused *database.ConnectError
	return errors.As(err, &refused) && !refused.Passing()
}

// Alive returns a check that fails once the container has exited, with the last lines that it printed, or is gone; also
// where the engine has started it again since the check was first asked. An engine that does not answer for a moment
// says nothing about the container.
func Alive(e container.Engine, id engine.ContainerID) func(context.Context) error {
	var restarts atomic.Int64 // at the first look, and one: 0 is before it; checks ask side by side
	return func(ctx context.Context) error {
		c, err := e.ContainerInspect(ctx, string(id))
		if errors.Is(err, engine.ErrNotFound) {
			return err
		}
		if err != nil {
			return nil //nolint:nilerr // as said above
		}
		now := int64(c.Restarts) + 1
		restarts.CompareAndSwap(0, now)
		again := now > restarts.Load()
		if (c.State == engine.Running || c.State == engine.Created) && !again {
			return nil
		}
		return &ExitedError{
			Name: c.Name, Code: c.ExitCode, OOMKilled: c.OOMKilled, Again: again,
			Lines: container.LastLines(ctx, e, id, 20),
		}
	}
}

// ExitedError is a container that ended while it should have been running.
type ExitedError struct {
	Name      string
	Code      int
	OOMKilled bool
	Again     bool     // the engine has started it again: its status is not known any more
	Lines     []string // the last that it printed
}

func (e *ExitedError) Error() string {
	text := fmt.Sprintf("container %q exited with status %d", e.Name, e.Code)
	if e.Again {
		text = fmt.Sprintf("container %q exited again and again", e.Name)
	}
	if e.OOMKilled {
		text += " (out of memory)"
	}
	if n := len(e.Lines); n > 0 && e.Lines[n-1] != "" {
		text += ": " + e.Lines[n-1]
	}
	return text
}

// Details are the last lines that the container printed.
func (e *ExitedError) Details() []string { return e.Lines }
