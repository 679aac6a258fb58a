//go:build bench

package bench_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/client"
	"github.com/jackc/pgx/v5"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/stack"
)

// underLoad has clients ask the demo's services without a pause while its tables change and its certificate is renewed.
// A request that fails, an answer that is cut or a connection that is lost breaks the row.
func underLoad() group {
	const name = "slowest answer while 20 changes are made and 2 certificates renewed"
	return group{
		rows:  []string{name},
		stack: true,
		prepare: func(s *site) []Row {
			d := s.demo()
			return []Row{
				{Name: name, Unit: Seconds, Goal: 1, Ours: &Probe{What: "over HTTPS, DNS and IMAP", Measure: d.underLoad}},
			}
		},
	}
}

// demonstration is the demo, beside the site's own stack.
type demonstration struct {
	*site
	env     []string
	conn    *pgx.Conn
	ports   map[string]uint16
	account stack.PasswordData
	changes int
}

func (s *site) demo() *demonstration {
	out, err := s.c.Command(s.Context(), []string{"POSTSTACK_OUTPUT=json"}, "demo").Output()
	require.NoError(s, err)
	s.Cleanup(func() { require.NoError(s, s.mage(nil, "demo", "-remove")(context.WithoutCancel(s.Context()))) })
	var document struct{ Result stack.DemoData }
	require.NoError(s, json.Unmarshal(out, &document))
	name := s.c.Stack(s.T) + "-demo"
	d := &demonstration{
		site: s, account: document.Result.Accounts[0], ports: map[string]uint16{},
		env: []string{"POSTSTACK_STACK=" + name, "POSTSTACK_DATABASE_TLS=own"},
	}
	for service, port := range map[string]uint16{"nginx": 8443, "bind": 5353, "dovecot": 1993} {
		d.ports[service] = hostPort(s, name, service, port)
	}
	url, err := s.c.Command(s.Context(), d.env, "db:url").Output()
	require.NoError(s, err)
	target, _, err := database.ReadURL(strings.TrimSpace(string(url)))
	require.NoError(s, err)
	d.conn, err = target.Connect(s.Context())
	require.NoError(s, err)
	s.Cleanup(func() { _ = d.conn.Close(context.WithoutCancel(s.Context())) })
	return d
}

// underLoad is the time of the slowest answer.
func (d *demonstration) underLoad(ctx context.Context) (float64, error) {
	before, err := d.serial(ctx)
	if err != nil {
		return 0, err
	}
	asking, stop := context.WithCancel(ctx)
	var clients sync.WaitGroup
	slowest, failed := make([]time.Duration, 4), make([]error, 5)
	for i, client := range []func() (ask func(context.Context) error, end func(), err error){
		d.overHTTPS, d.overDNS("udp"), d.overDNS("tcp"), d.overIMAP,
	} {
		clients.Go(func() { slowest[i], failed[i] = keepAsking(asking, client) })
	}
	failed[4] = d.disturb(ctx)
	stop()
	clients.Wait()
	if err := errors.Join(failed...); err != nil {
		return 0, err
	}
	if after, err := d.serial(ctx); err != nil || after == before {
		return 0, errors.Join(errors.New("nginx shows the certificate from before"), err)
	}
	most := time.Duration(0)
	for _, took := range slowest {
		most = max(most, took)
	}
	return most.Seconds(), nil
}

// keepAsking asks until ctx ends, and tells how long the slowest answer took.
func keepAsking(
	ctx context.Context, connect func() (func(context.Context) error, func(), error),
) (slowest time.Duration, err error) {
	ask, end, err := connect()
	if err != nil {
		return 0, err
	}
	defer end()
	for n := 0; ctx.Err() == nil; n++ {
		start := time.Now()
		if err := ask(context.WithoutCancel(ctx)); err != nil {
			return 0, fmt.Errorf("after %d answers: %w", n, err)
		}
		slowest = max(slowest, time.Since(start))
	}
	return slowest, nil
}

// disturb makes changes of all kinds, and has the certificate renewed between them.
func (d *demonstration) disturb(ctx context.Context) error {
	for range 2 {
		for range 10 {
			d.changes++
			if _, err := d.conn.Exec(ctx, fmt.Sprintf(`insert into domains (name, serves_web)
				values ('load%d.example.org', true);
				insert into dns_records (zone_id, name, type, content) select id, 'load%d', 'A', '192.0.2.1' from dns_zones
				where name = 'example.test'`, d.changes, d.changes)); err != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond) // as people and programs do: not all at once
		}
		if err := d.mage(d.env, "certificates:renew")(ctx); err != nil {
			return err
		}
	}
	return nil
}

// serial is that of the certificate that nginx shows.
func (d *demonstration) serial(ctx context.Context) (string, error) {
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: "example.test"}}).DialContext(ctx,
		"tcp", d.at("nginx"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

func (d *demonstration) at(service string) string {
	return fmt.Sprintf("127.0.0.1:%d", d.ports[service])
}

// overHTTPS fetches the page as any client of Go's library does.
func (d *demonstration) overHTTPS() (ask func(context.Context) error, end func(), err error) {
	c := &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "example.test"}},
	}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+d.at("nginx")+"/", http.NoBody)
		if err != nil {
			return err
		}
		req.Host = "example.test"
		res, err := c.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		page, err := io.ReadAll(res.Body)
		if err == nil && (res.StatusCode != http.StatusOK || !strings.HasSuffix(string(page), "</p>\n")) {
			err = fmt.Errorf("the page came as %s with %d bytes", res.Status, len(page))
		}
		return err
	}, c.CloseIdleConnections, nil
}

// overDNS asks for where mail goes.
func (d *demonstration) overDNS(network string) func() (func(context.Context) error, func(), error) {
	return func() (func(context.Context) error, func(), error) {
		c := &dns.Client{Net: network}
		return func(ctx context.Context) error {
			answer, _, err := c.ExchangeContext(ctx, new(dns.Msg).SetQuestion("example.test.", dns.TypeMX), d.at("bind"))
			if err == nil && len(answer.Answer) != 1 {
				err = fmt.Errorf("%s over %s with %d answers", dns.RcodeToString[answer.Rcode], network, len(answer.Answer))
			}
			return err
		}, func() {}, nil
	}
}

// overIMAP keeps one connection, on which the mail is counted again and again.
func (d *demonstration) overIMAP() (ask func(context.Context) error, end func(), err error) {
	c, err := client.DialTLS(d.at("dovecot"), &tls.Config{InsecureSkipVerify: true, ServerName: "mail.example.test"})
	if err != nil {
		return nil, nil, err
	}
	if err := c.Login(d.account.Address, d.account.Password); err != nil {
		return nil, nil, errors.Join(err, c.Terminate())
	}
	return func(context.Context) error {
		box, err := c.Select("INBOX", true)
		if err == nil && box.Messages != 1 {
			err = fmt.Errorf("%d mails are in the box", box.Messages)
		}
		return err
	}, func() { _ = c.Terminate() }, nil
}
