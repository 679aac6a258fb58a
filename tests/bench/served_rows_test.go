//go:build bench

package bench_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/emersion/go-imap/client"
	"github.com/jackc/pgx/v5"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

// served measures the time from a commit until a client sees it, beside more and more domains.
func served() group {
	g := group{stack: true}
	for _, n := range []int{1, 100, 1000} {
		for _, service := range []string{"nginx", "bind", "dovecot"} {
			g.rows = append(g.rows, servedName(service, n))
		}
	}
	g.rows = append(g.rows, "commit → all 1000 sites served by nginx", "commit → all 1000 zones served by bind")
	g.prepare = func(s *site) []Row {
		v := s.visitors("nginx,bind,dovecot")
		var rows []Row
		for n, goal := range map[int]float64{1: 0.3, 100: 0.4, 1000: 0.8} {
			rows = append(rows, v.row("nginx", n, goal, v.addSite), v.row("bind", n, goal, v.changeZone),
				v.row("dovecot", n, goal, v.addAccount))
		}
		return inOrder(g.rows, append(rows,
			Row{Name: g.rows[9], Unit: Seconds, Goal: 3, Ours: v.all(v.disableSites, v.enableSites)},
			Row{Name: g.rows[10], Unit: Seconds, Goal: 3, Ours: v.all(v.changeZones, v.changeZones)},
		))
	}
	return g
}

func servedName(service string, domains int) string {
	return fmt.Sprintf("commit → served by %s, of %d domains", service, domains)
}

// inOrder are the rows as their names stand.
func inOrder(names []string, rows []Row) []Row {
	sorted := make([]Row, 0, len(rows))
	for _, name := range names {
		for _, r := range rows {
			if r.Name == name {
				sorted = append(sorted, r)
			}
		}
	}
	return sorted
}

// visitors are clients of the services, and somebody who changes their tables.
type visitors struct {
	*site
	conn    *pgx.Conn
	ports   map[string]uint16 // of this machine, by service and the container's
	domains int               // how many there are
	changes int               // made so far
	http    *http.Client      // follows no redirect, and does not care whose certificate it is
}

// visitors sets up with those services.
func (s *site) visitors(services string) *visitors {
	s.chosen(services)
	conn, err := s.stackServer().Connect(s.Context())
	require.NoError(s, err)
	s.Cleanup(func() { _ = conn.Close(context.WithoutCancel(s.Context())) })
	v := &visitors{site: s, conn: conn, ports: map[string]uint16{}, http: &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for name, port := range map[string]uint16{"nginx": 8080, "bind": 5353, "dovecot": 1993} {
		v.ports[name] = hostPort(s, s.c.Stack(s.T), name, port)
	}
	return v
}

// chosen sets up with services, and without them again at the end.
func (s *site) chosen(services string) {
	s.Cleanup(func() {
		ctx := context.WithoutCancel(s.Context())
		require.NoError(s, errors.Join(s.mage(nil, "reset", "-yes")(ctx), s.mage(nil, "setup")(ctx)))
	})
	require.NoError(s, s.mage([]string{"POSTSTACK_SERVICES=" + services}, "setup")(s.Context()))
}

// hostPort is the port of this machine that a service's has.
func hostPort(s *site, stack, service string, inside uint16) uint16 {
	c, err := s.engine.ContainerInspect(s.Context(), "poststack-"+stack+"-"+service)
	require.NoError(s, err)
	for _, p := range c.Ports {
		if p.Container == inside && p.Protocol != engine.UDP {
			return p.Host
		}
	}
	require.Fail(s, "the port is not published", "%s %d", service, inside)
	return 0
}

// change is an SQL commit that clients will see.
type change struct {
	sql    string
	served func(context.Context) bool
}

// row is one change beside n domains, and the time until it is served.
func (v *visitors) row(service string, n int, goal float64, next func() change) Row {
	fill := func(ctx context.Context) error {
		err := v.fill(ctx, n)
		time.Sleep(time.Second) // within half a second after another one, a change would be gathered with it
		return err
	}
	return Row{
		Name: servedName(service, n), Unit: Seconds, Goal: goal,
		Ours: Timed("an SQL commit", fill, func(ctx context.Context) error { return v.commit(ctx, next()) }),
	}
}

// all is a change of everything beside a thousand domains, after another one.
func (v *visitors) all(before, after func() change) *Probe {
	return Timed("an SQL commit", func(ctx context.Context) error {
		if err := v.fill(ctx, 1000); err != nil {
			return err
		}
		return v.commit(ctx, before())
	}, func(ctx context.Context) error { return v.commit(ctx, after()) })
}

// commit changes the tables, and waits until that is served.
func (v *visitors) commit(ctx context.Context, c change) error {
	if _, err := v.conn.Exec(ctx, c.sql); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !c.served(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until it is served: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// fill has n domains, each with a site, a zone of ten records and an account, and waits until they are served.
func (v *visitors) fill(ctx context.Context, n int) error {
	if v.domains == n {
		return nil
	}
	v.domains = n
	const none = `delete from accounts; delete from dns_zones; delete from domains;`
	gone := func(ctx context.Context) bool {
		return v.asks(ctx, "d1.example.org") == http.StatusNotFound && v.text("d1.example.org") == ""
	}
	if err := v.commit(ctx, change{none, gone}); err != nil {
		return err
	}
	last := fmt.Sprintf("d%d.example.org", n)
	return v.commit(ctx, change{
		fmt.Sprintf(`insert into domains (name, serves_web, serves_mail) select 'd' || i || '.example.org', true, true
			from generate_series(1, %d) i;
		insert into dns_zones (domain_id, name, primary_ns, hostmaster)
		select id, name, 'ns1.example.net', 'admin@example.org' from domains;
		insert into dns_records (zone_id, name, type, content) select id, '@', 'NS', 'ns1.example.net.' from dns_zones;
		insert into dns_records (zone_id, name, type, content) select id, 'h' || i, 'A', '192.0.2.' || i
		from dns_zones, generate_series(1, 8) i;
		insert into dns_records (zone_id, name, type, content) select id, 't', 'TXT', 'first' from dns_zones;
		insert into accounts (domain_id, local_part, password_hash) select id, 'first', '%s' from domains;`, n, hash),
		func(ctx context.Context) bool {
			return v.asks(ctx, last) == http.StatusMovedPermanently && v.text(last) == "first"
		},
	})
}

// addSite adds one.
func (v *visitors) addSite() change {
	v.changes++
	name := fmt.Sprintf("new%d.example.org", v.changes)
	return change{
		fmt.Sprintf(`delete from domains where name like 'new%%'; insert into domains (name, serves_web)
			values ('%s', true)`, name),
		func(ctx context.Context) bool { return v.asks(ctx, name) == http.StatusMovedPermanently },
	}
}

// changeZone changes a record of one.
func (v *visitors) changeZone() change {
	v.changes++
	text := fmt.Sprintf("change %d", v.changes)
	return change{
		fmt.Sprintf(`update dns_records set content = '%s' where type = 'TXT' and zone_id = (select id from dns_zones
			where name = 'd1.example.org')`, text),
		func(context.Context) bool { return v.text("d1.example.org") == text },
	}
}

// hash is that of the password "bench".
const hash = "$2y$04$DAWrx.5/db84fwBEs8fAFO2U9pV73IJbsw1i5Zbsz/BMkcqahLSsO"

// addAccount adds one, who signs in.
func (v *visitors) addAccount() change {
	v.changes++
	name := fmt.Sprintf("new%d", v.changes)
	return change{
		fmt.Sprintf(`insert into accounts (domain_id, local_part, password_hash) select id, '%s', '%s' from domains
			where name = 'd1.example.org'`, name, hash),
		func(context.Context) bool {
			c, err := client.DialTLS(fmt.Sprintf("127.0.0.1:%d", v.ports["dovecot"]), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				return false
			}
			defer func() { _ = c.Terminate() }()
			return c.Login(name+"@d1.example.org", "bench") == nil
		},
	}
}

func (v *visitors) disableSites() change {
	return change{`update domains set enabled = false`, v.each(func(ctx context.Context, name string) bool {
		return v.asks(ctx, name) == http.StatusNotFound
	})}
}

func (v *visitors) enableSites() change {
	return change{`update domains set enabled = true`, v.each(func(ctx context.Context, name string) bool {
		return v.asks(ctx, name) == http.StatusMovedPermanently
	})}
}

// changeZones changes a record of each.
func (v *visitors) changeZones() change {
	v.changes++
	text := fmt.Sprintf("change %d", v.changes)
	return change{
		fmt.Sprintf(`update dns_records set content = '%s' where type = 'TXT'`, text),
		v.each(func(_ context.Context, name string) bool { return v.text(name) == text }),
	}
}

// each asks for one domain after the other; whatever was seen once is not asked for again.
func (v *visitors) each(is func(ctx context.Context, name string) bool) func(context.Context) bool {
	seen := 0
	return func(ctx context.Context) bool {
		for seen < v.domains && is(ctx, fmt.Sprintf("d%d.example.org", seen+1)) {
			seen++
		}
		return seen == v.domains
	}
}

// asks is how nginx answers for a name over HTTP, or 0.
func (v *visitors) asks(ctx context.Context, name string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", v.ports["nginx"]),
		http.NoBody)
	if err != nil {
		return 0
	}
	req.Host = name
	res, err := v.http.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// text is what bind says of a domain's record.
func (v *visitors) text(domain string) string {
	question := new(dns.Msg).SetQuestion("t."+domain+".", dns.TypeTXT)
	answer, err := dns.Exchange(question, fmt.Sprintf("127.0.0.1:%d", v.ports["bind"]))
	if err != nil || len(answer.Answer) != 1 {
		return ""
	}
	record, ok := answer.Answer[0].(*dns.TXT)
	if !ok {
		return ""
	}
	return record.Txt[0]
}
