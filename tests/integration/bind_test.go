package integration_test

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/nameserver"
)

const (
	bindImage engine.Ref = "localhost/poststack/bind:latest"
	bindUID   int        = 9996 // of the image, fixed
)

// nameServer is a container of BIND's image beside one of PostgreSQL's with the schema.
type nameServer struct{ *web }

func newNameServer(t *testing.T, e *engine.Engine) *nameServer {
	t.Helper()
	w := newStage(t, e)
	w.sql(`create role web login password 'web-password' in role poststack_bind`)
	return serveZones(w, "bind", "app")
}

// serveZones starts a container of the image, with what a database of the stage has.
func serveZones(w *web, host, of string) *nameServer {
	w.Helper()
	var mounts []engine.Mount
	for name, path := range map[string]string{host + "-state": "/var/lib/bind", host + "-dnskey": "/srv/dnskey"} {
		mounts = append(mounts, engine.Mount{Volume: w.volume(name), Target: path})
	}
	w.spec = engine.ContainerSpec{
		Name: w.network + "-" + host, Image: bindImage, Labels: container.DisposableLabels(), Network: w.network,
		Aliases: []string{host},
		Env: map[string]string{
			"PGHOST": "postgres", "PGUSER": "web", "PGDATABASE": of, "PGPASSFILE": "/etc/poststack-login/pgpass",
			"PGSSLMODE": "disable",
		},
		Files: []engine.File{{
			Path: "/etc/poststack-login/pgpass", Mode: 0o400, UID: bindUID, GID: bindUID,
			Content: []byte("*:*:*:*:web-password\n"),
		}},
		Mounts: mounts, ReadOnly: true, Tmpfs: []engine.Tmpfs{{Path: "/run/named", UID: bindUID, GID: bindUID, Mode: 0o700}},
		Confinement: engine.Confinement{Confined: true},
		Ports: []engine.Port{
			{Container: 5353, HostIP: "127.0.0.1"}, {Container: 5353, HostIP: "127.0.0.1", Protocol: "udp"},
		},
	}
	w.Cleanup(func() { w.remove() })
	w.create()
	return &nameServer{w}
}

// exchange asks until there is an answer; nil if none has come within a minute. A datagram for a server that does not
// listen yet is lost, and nobody says so.
func (n *nameServer) exchange(network string, m *dns.Msg) *dns.Msg {
	const lost, tick = time.Second, 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(n.Context(), time.Minute)
	defer cancel()
	client := dns.Client{Net: network, Timeout: lost}
	for {
		if answer, _, err := client.ExchangeContext(ctx, m, n.address(network)); err == nil {
			return answer
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tick):
		}
	}
}

// address is where the port is published for a protocol.
func (n *nameServer) address(network string) string {
	n.Helper()
	return fmt.Sprintf("127.0.0.1:%d", n.published(5353, map[string]string{"udp": engine.UDP}[network]))
}

func (n *nameServer) ask(name string, kind uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, kind)
	m.SetEdns0(1232, false)
	return n.exchange("udp", m)
}

// answers are what the server has of a name and type, without names and TTLs, or its status.
func (n *nameServer) answers(name string, kind uint16) string {
	m := n.ask(name, kind)
	if m != nil && m.Truncated {
		m = n.exchange("tcp", new(dns.Msg).SetQuestion(name, kind))
	}
	switch {
	case m == nil:
		return "no answer"
	case m.Rcode != dns.RcodeSuccess:
		return dns.RcodeToString[m.Rcode]
	}
	var out []string
	for _, rr := range m.Answer {
		out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return strings.Join(out, " | ")
}

// becomes waits until that is the answer.
func (n *nameServer) becomes(name string, kind uint16, want string) {
	n.Helper()
	var got string
	ok := assert.Eventually(n, func() bool { got = n.answers(name, kind); return got == want }, time.Minute,
		50*time.Millisecond)
	require.True(n, ok, "%s is %s, not %s; the container said:\n%s\n%+v", name, got, want, n.logs(), n.status())
}

func (n *nameServer) serial(zone string) string {
	fields := strings.Fields(n.answers(zone, dns.TypeSOA))
	if len(fields) < 3 {
		return ""
	}
	return fields[2]
}

// checked is what the check of the zones finds, with each kind of problem and record in a line; it says why a zone is
// left out as the container does.
func (n *nameServer) checked() (lines []string) {
	n.Helper()
	zones, err := hosting.ServedZones(n.Context(), n.admin, "bind")
	require.NoError(n, err)
	server := nameserver.Server{
		UDP: n.address("udp"), TCP: n.address("tcp"), Settle: 5 * time.Second, Tells: func(context.Context) nameserver.Told {
			told := nameserver.Told{LeftOut: map[string]string{}}
			now := n.status()
			for _, row := range now.LeftOut {
				told.LeftOut[row.Key] = row.Error
			}
			told.Read = *now.LastRead
			return told
		},
	}
	answered, problems, err := server.Check(n.Context(), zones, "")
	require.NoError(n, err)
	assert.Len(n, answered, len(zones))
	for _, p := range problems {
		lines = append(lines, fmt.Sprintf("%s | %s | %s", p.State, p.Record, p.Text))
	}
	return lines
}

func TestBind(t *testing.T) {
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			n := newNameServer(t, enginetest.Open(t, kind))
			for _, step := range []struct {
				name string
				test func(*nameServer)
			}{
				{"serves records of all kinds", (*nameServer).servesRecords},
				{"refuses what is not for everybody", (*nameServer).refuses},
				{"keeps a zone with a bad record as it was", (*nameServer).keepsBadZones},
				{"answers who asks from one port, also after a restart", (*nameServer).answersFromOnePort},
				{"serves as many records of a name as there are", (*nameServer).servesMany},
				{"lets who has the key answer challenges", (*nameServer).takesChallenges},
				{"signs a zone that asks for it", (*nameServer).signs},
				{"keeps what another server has", (*nameServer).keepsSecondary},
				{"changes many zones at once", (*nameServer).changesMany},
				{"outlives the database", (*nameServer).outlivesDatabase},
			} {
				ok := t.Run(step.name, func(t *testing.T) {
					n.T = t
					step.test(n)
				})
				n.T = t
				if !ok {
					break
				}
			}
		})
	}
}

func (n *nameServer) servesRecords() {
	n.becomes("example.org.", dns.TypeSOA, "REFUSED")
	n.sql(`insert into dns_zones (name, primary_ns, hostmaster) values ('example.org', 'ns1.example.net',
		'first.last@example.org')`)
	n.sql(`insert into dns_records (zone_id, name, type, priority, content) select z.id, v.* from dns_zones z, (values
		('@', 'NS', null, 'ns1.example.net.'), ('@', 'MX', 10, 'mail.example.org.'), ('mail', 'A', null, '192.0.2.1'),
		('mail', 'AAAA', null, '2001:db8::1'), ('www', 'CNAME', null, 'mail'), ('*.wild', 'A', null, '192.0.2.2'),
		('_imaps._tcp', 'SRV', 0, '1 993 mail.example.org.'), ('@', 'CAA', null,
		'0 issue ca.example; validationmethods=dns-01'),
		('k._domainkey', 'TXT', null, 'v=DKIM1; k=rsa; p=' || repeat('A', 400)),
		('q', 'TXT', null, 'say "hi"; c:\temp \; 100%'),
		('n', 'TXT', null, E'one\nevil A 192.0.2.66'), ('_25._tcp', 'TLSA', null, '3 1 1 ' || repeat('ab', 32)),
		('h', 'HTTPS', null, '1 . alpn=h2'), ('a_b', 'A', null, '192.0.2.3'),
		('old', 'DNAME', null, 'new.example.net.'), ('loc', 'LOC', null,
		'52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m'),
		('_ftp._tcp', 'URI', null, '10 1 "ftp://ftp.example.org/;"'), ('raw', 'TYPE65534', null, '\# 4 0a000001'),
		('pgp', 'OPENPGPKEY', null, 'mQINBFit'),
		('s', 'SMIMEA', null, '3 0 0 ab'), ('np', 'NAPTR', null, '100 50 "u" "E2U+sip" "!^(.*)$!sip:\1@example.org!" .'),
		('0/25', 'NS', null, 'ns.example.net.')) v(n, t, p, c) where z.name = 'example.org'`)
	n.becomes("mail.example.org.", dns.TypeA, "192.0.2.1")
	for _, tc := range []struct {
		name string
		kind uint16
		want string
	}{
		{"example.org.", dns.TypeNS, "ns1.example.net."},
		{"example.org.", dns.TypeMX, "10 mail.example.org."},
		{"mail.example.org.", dns.TypeAAAA, "2001:db8::1"},
		{"www.example.org.", dns.TypeCNAME, "mail.example.org."},
		{"x.wild.example.org.", dns.TypeA, "192.0.2.2"},
		{"_imaps._tcp.example.org.", dns.TypeSRV, "0 1 993 mail.example.org."},
		{"example.org.", dns.TypeCAA, `0 issue "ca.example; validationmethods=dns-01"`},
		{
			"k._domainkey.example.org.", dns.TypeTXT,
			`"v=DKIM1; k=rsa; p=` + strings.Repeat("A", 237) + `" "` + strings.Repeat("A", 163) + `"`,
		},
		{"q.example.org.", dns.TypeTXT, `"say \"hi\"; c:\\temp \\; 100%"`},
		{"n.example.org.", dns.TypeTXT, `"one\010evil A 192.0.2.66"`},
		{"evil.example.org.", dns.TypeA, "NXDOMAIN"},
		{"_25._tcp.example.org.", dns.TypeTLSA, "3 1 1 " + strings.Repeat("ab", 32)},
		{"h.example.org.", dns.TypeHTTPS, `1 . alpn="h2"`},
		{"a_b.example.org.", dns.TypeA, "192.0.2.3"},
	} {
		assert.Equal(n, tc.want, n.answers(tc.name, tc.kind), tc.name)
	}
	assert.Regexp(n, `^ns1\.example\.net\. first\\\.last\.example\.org\. \d+ 86400 `,
		n.answers("example.org.", dns.TypeSOA))
	assert.NotNil(n, n.exchange("tcp", new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA)))
	assert.Empty(n, n.checked(), "each row of every kind, over both protocols")
	begun := time.Now()
	n.sql(`update dns_records set content = '192.0.2.9' where name = 'mail' and type = 'A'`)
	n.becomes("mail.example.org.", dns.TypeA, "192.0.2.9")
	assert.Less(n, time.Since(begun), time.Minute)
	n.sql(`update dns_zones set enabled = false`)
	n.becomes("example.org.", dns.TypeSOA, "REFUSED")
	n.sql(`update dns_zones set enabled = true`)
	n.becomes("mail.example.org.", dns.TypeA, "192.0.2.9")
}

// answersFromOnePort asks as a secondary with a query-source does. The kernel remembers for two minutes where it has
// sent such datagrams, and another datagram makes it remember longer; a container that starts has another address.
func (n *nameServer) answersFromOnePort() {
	from, err := (&net.ListenConfig{}).ListenPacket(n.Context(), "udp", "127.0.0.1:0")
	require.NoError(n, err)
	local := from.LocalAddr()
	require.NoError(n, from.Close())
	ask := func() error {
		client := dns.Client{Dialer: &net.Dialer{LocalAddr: local, Timeout: time.Second}, Timeout: time.Second}
		_, _, err := client.ExchangeContext(
			n.Context(),
			new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA),
			n.address("udp"),
		)
		return err
	}
	require.NoError(n, ask())
	n.restart()
	n.becomes("www.example.org.", dns.TypeCNAME, "mail.example.org.") // asked from another port
	assert.NoError(n, ask())
}

// servesMany has more records of one name and type than BIND takes without being told to.
func (n *nameServer) servesMany() {
	n.sql(`insert into dns_records (zone_id, name, type, content)
		select z.id, 'many', 'A', '10.0.' || i / 250 || '.' || i % 250 from dns_zones z, generate_series(1, 1000) i
		where z.name = 'other.example'`)
	require.Eventually(n, func() bool { return strings.Count(n.answers("many.other.example.", dns.TypeA), "|") == 999 },
		time.Minute, 50*time.Millisecond, "%s\n%+v", n.logs(), n.status())
	n.sql(`delete from dns_records where name = 'many'`)
	n.becomes("many.other.example.", dns.TypeA, "NXDOMAIN")
}

func (n *nameServer) refuses() {
	for _, tc := range []struct {
		name string
		kind uint16
	}{{"www.example.com.", dns.TypeA}, {".", dns.TypeNS}} {
		m := n.ask(tc.name, tc.kind)
		require.NotNil(n, m)
		assert.Equal(n, dns.RcodeRefused, m.Rcode, tc.name)
		assert.False(n, m.RecursionAvailable)
		assert.Empty(n, m.Ns)
	}
	transfer := n.exchange("tcp", new(dns.Msg).SetAxfr("example.org."))
	require.NotNil(n, transfer)
	assert.Equal(n, dns.RcodeRefused, transfer.Rcode)
	version := new(dns.Msg).SetQuestion("version.bind.", dns.TypeTXT)
	version.Question[0].Qclass = dns.ClassCHAOS
	m := n.exchange("udp", version)
	require.NotNil(n, m)
	assert.Empty(n, m.Answer)
	assert.Equal(n, "REFUSED", n.update("example.org.", "evil.example.org. 60 IN A 192.0.2.66", ""))
}

// update asks to add a record, signed with the secret unless that is "", and gives the status.
func (n *nameServer) update(zone, record, secret string) string {
	n.Helper()
	rr, err := dns.NewRR(record)
	require.NoError(n, err)
	m := new(dns.Msg).SetUpdate(zone)
	m.Insert([]dns.RR{rr})
	client := dns.Client{Net: "tcp", Timeout: 30 * time.Second}
	if secret != "" {
		m.SetTsig("acme.", dns.HmacSHA256, 300, time.Now().Unix())
		client.TsigSecret = map[string]string{"acme.": secret}
	}
	answer, _, err := client.ExchangeContext(n.Context(), m, n.address("tcp"))
	if answer == nil {
		return err.Error()
	}
	return dns.RcodeToString[answer.Rcode]
}

func (n *nameServer) keepsBadZones() {
	n.sql(`insert into dns_zones (name, primary_ns, hostmaster) values ('other.example', 'ns1.example.net',
		'a@example.org')`)
	n.becomes("other.example.", dns.TypeNS, "ns1.example.net.")
	before := n.serial("example.org.")
	n.sql(`insert into dns_records (zone_id, name, type, content) select id, 'bad', 'TLSA', '3 1 1 xyz' from dns_zones
		where name = 'example.org';
		insert into dns_records (zone_id, name, type, content) select id, 'new', 'A', '192.0.2.7' from dns_zones`)
	n.becomes("new.other.example.", dns.TypeA, "192.0.2.7")
	s := n.tells(func(s status.Status) bool { return len(s.LeftOut) == 1 })
	assert.Equal(n, "example.org", s.LeftOut[0].Key)
	assert.True(n, s.LeftOut[0].Kept)
	assert.Contains(n, s.LeftOut[0].Error, "bad TLSA: ")
	assert.Equal(n, before, n.serial("example.org."))
	found := n.checked()
	require.Len(n, found, 3)
	assert.Regexp(n, `^left out \|  \| the zone is served as it last was, with serial \d+ and not \d+: .*bad TLSA: `,
		found[0])
	assert.Regexp(n, `^left out \| bad TLSA 3 1 1 xyz \| it cannot be served: `, found[1])
	assert.Equal(n, "missing | new A 192.0.2.7 | it is not served over UDP: the answer is NXDOMAIN", found[2])
	assert.Equal(n, "NXDOMAIN", n.answers("new.example.org.", dns.TypeA))
	n.restart()
	n.becomes("new.other.example.", dns.TypeA, "192.0.2.7")
	assert.Equal(n, before, n.serial("example.org."), "also after a restart")
	n.sql(`update dns_records set name = 'x.under', type = 'DS', content = '1 13 99 zz' where name = 'bad'`)
	n.sql(`delete from dns_records where name = 'x.under'`)
	n.becomes("new.example.org.", dns.TypeA, "192.0.2.7")

	n.sql(`insert into dns_records (zone_id, name, type, content) select id, '@', 'NS', 'ns1.other.example.' from dns_zones
		where name = 'other.example'`)
	s = n.tells(func(s status.Status) bool { return len(s.LeftOut) == 1 }) // the checker refuses it
	assert.Contains(n, s.LeftOut[0].Error, "NS 'ns1.other.example' has no address records")
	assert.Equal(n, "192.0.2.7", n.answers("new.other.example.", dns.TypeA))
	n.sql(`delete from dns_records where content = 'ns1.other.example.'`)
	n.tells(func(s status.Status) bool { return len(s.LeftOut) == 0 })
}

func (n *nameServer) takesChallenges() {
	n.sql(`insert into domains (name) values ('example.org')`)
	n.sql(`insert into certificates (domain_id, names, directory, challenge)
		select id, '{example.org,*.example.org,*.sub.example.org}', 'a', 'dns-01' from domains`)
	for _, name := range []string{"_acme-challenge.example.org.", "_acme-challenge.sub.example.org."} {
		n.becomes(name, dns.TypeNS, "ns1.example.net.")
	}
	key, err := n.engine.ContainerFile(n.Context(), n.id, "/srv/dnskey/acme.key")
	require.NoError(n, err)
	m := regexp.MustCompile(`key "acme" \{\s+algorithm hmac-sha256;\s+secret "([^"]+)";`).FindSubmatch(key)
	require.NotNil(n, m, "it has BIND's form")
	secret := string(m[1])
	const zone = "_acme-challenge.example.org."
	for _, text := range []string{"one", "two"} {
		assert.Equal(n, "NOERROR", n.update(zone, zone+` 60 IN TXT "`+text+`"`, secret))
	}
	assert.ElementsMatch(n, []string{`"one"`, `"two"`}, strings.Split(n.answers(zone, dns.TypeTXT), " | "))
	assert.Equal(n, "REFUSED", n.update(zone, zone+" 60 IN A 192.0.2.66", secret))
	assert.Equal(n, "REFUSED", n.update("example.org.", `x.example.org. 60 IN TXT "x"`, secret))
	assert.Equal(n, "NOTAUTH", n.update(zone, zone+` 60 IN TXT "x"`, "d3Jvbmcgc2VjcmV0IG9mIHRoZSByaWdodCBsZW5ndGg="))
	assert.Equal(n, "REFUSED", n.update(zone, zone+` 60 IN TXT "x"`, ""))

	n.sql(`insert into dns_records (zone_id, name, type, content)
		select id, '_acme-challenge', 'CNAME', 'x.acme.example.net.' from dns_zones where name = 'example.org'`)
	n.becomes(zone, dns.TypeCNAME, "x.acme.example.net.")
	var obstacle string
	require.NoError(n,
		n.admin.QueryRow(n.Context(), `select obstacle from dns_challenges where obstacle is not null`).Scan(&obstacle))
	assert.Equal(n, "record _acme-challenge CNAME x.acme.example.net.", obstacle)
	found := n.checked()
	require.Len(n, found, 1)
	assert.Contains(n, found[0], "left out | _acme-challenge.example.org | it is no zone of its own")
	assert.Contains(n, found[0], obstacle+" is in the way")
	n.sql(`delete from dns_records where name = '_acme-challenge'`)
	n.becomes(zone, dns.TypeTXT, "") // anew, without what was there
	n.sql(`delete from certificates`)
	n.becomes(zone, dns.TypeNS, "NXDOMAIN")
}

func (n *nameServer) signs() {
	n.sql(`insert into dns_records (zone_id, name, type, content, ttl) select id, 'long', 'A', '192.0.2.1', 604800
		from dns_zones where name = 'other.example'`)
	n.sql(`insert into settings (service, key, value) values ('bind', 'dnssec', '{"other.example": true}')`)
	var keys string
	require.Eventually(n, func() bool {
		keys = n.answers("other.example.", dns.TypeDNSKEY)
		return strings.Contains(keys, "257 3 13 ")
	}, time.Minute, 50*time.Millisecond, "%s\n%+v", n.logs(), n.status())
	n.restart()
	n.becomes("other.example.", dns.TypeDNSKEY, keys)
	n.sql(`update dns_records set content = '192.0.2.8' where name = 'new'`)
	n.becomes("new.other.example.", dns.TypeA, "192.0.2.8")
	assert.Empty(n, n.checked(), "with signatures that hold")
	n.changesWhileItIsNotSigned(keys)
	n.sql(`delete from settings`)
	n.becomes("other.example.", dns.TypeDNSKEY, "")
}

// changesWhileItIsNotSigned has a signed zone change while nobody signs it: while the server is stopped, while
// signing is off, and by being removed and added again. It is served each time, with a serial that never falls.
func (n *nameServer) changesWhileItIsNotSigned(keys string) {
	const zone = "other.example."
	last := n.serial(zone)
	rises := func(when string) {
		n.Helper()
		now := n.serial(zone)
		assert.Greater(n, now, last, when)
		last = now
	}
	require.NoError(n, n.engine.ContainerStop(n.Context(), n.id, time.Minute))
	n.sql(`update dns_records set content = '192.0.2.9' where name = 'new'`)
	n.sql(`update dns_records set content = '192.0.2.10' where name = 'new'`)
	n.start()
	n.becomes("new."+zone, dns.TypeA, "192.0.2.10")
	rises("after a stop")

	n.sql(`update settings set value = 'false' where key = 'dnssec'`)
	n.becomes(zone, dns.TypeDNSKEY, "")
	rises("without signatures")
	n.sql(`update dns_records set content = '192.0.2.11' where name = 'new'`)
	n.becomes("new."+zone, dns.TypeA, "192.0.2.11")
	n.sql(`update settings set value = '{"other.example": true}' where key = 'dnssec'`)
	n.becomes(zone, dns.TypeDNSKEY, keys)
	n.becomes("new."+zone, dns.TypeA, "192.0.2.11")
	rises("with signatures again")

	n.sql(`create temporary table kept as select r.* from dns_records r join dns_zones z on z.id = r.zone_id
		where z.name = 'other.example'`)
	n.sql(`delete from dns_zones where name = 'other.example'`)
	n.becomes(zone, dns.TypeSOA, "REFUSED")
	n.sql(`insert into dns_zones (name, primary_ns, hostmaster) values ('other.example', 'ns1.example.net',
		'h@other.example')`)
	n.sql(`insert into dns_records (zone_id, name, type, priority, content, ttl)
		select z.id, k.name, k.type, k.priority, k.content, k.ttl from kept k, dns_zones z where z.name = 'other.example'`)
	n.becomes(zone, dns.TypeDNSKEY, keys)
	n.becomes("new."+zone, dns.TypeA, "192.0.2.11")
	rises("when it is there again")
}

// inside is the server's address in the network, with its port.
func (n *nameServer) inside() string {
	n.Helper()
	c, err := n.engine.ContainerInspect(n.Context(), string(n.id))
	require.NoError(n, err)
	return c.Addresses[n.network] + ":5353"
}

// keepsSecondary has another server with a database of its own transfer a zone: it is told of changes, and serves on
// when the one that it has it from has gone, also after a restart.
func (n *nameServer) keepsSecondary() {
	n.sql(`create database second`)
	other := &web{T: n.T, engine: n.engine, network: n.network, db: n.db}
	config := n.admin.Config()
	config.Database = "second"
	admin, err := pgx.ConnectConfig(n.Context(), config)
	require.NoError(n, err)
	n.Cleanup(func() { _ = admin.Close(context.WithoutCancel(n.Context())) })
	other.admin = admin
	other.schema()
	second := serveZones(other, "second", "second")
	second.sql(`insert into settings (service, key, value) values ('bind', 'primaries_port', '5353')`)
	primary, _, err := net.SplitHostPort(n.inside())
	require.NoError(n, err)
	second.sql(`insert into dns_zones (name, kind, primaries, primary_ns, hostmaster)
		values ('other.example', 'secondary', array[$1::inet], 'ns1.example.net', 'a@example.org')`, primary)
	second.becomes("other.example.", dns.TypeSOA, "SERVFAIL") // nobody may transfer it yet
	zones, err := hosting.ServedZones(n.Context(), second.admin, "bind")
	require.NoError(n, err)
	_, problems, err := nameserver.Server{UDP: second.address("udp"), TCP: second.address("tcp")}.Check(n.Context(), zones,
		"")
	require.NoError(n, err)
	require.Len(n, problems, 1)
	assert.Equal(n, "the zone is not served (SERVFAIL): it has not been transferred from "+primary, problems[0].Text)

	n.sql(`insert into settings (service, key, value) values ('bind', 'secondaries', jsonb_build_object('other.example',
		jsonb_build_array($1::text)))`, second.inside())
	n.sql(`update dns_records set content = '192.0.2.31' where name = 'new'`)
	second.becomes("new.other.example.", dns.TypeA, "192.0.2.31")
	begun := time.Now()
	n.sql(`update dns_records set content = '192.0.2.32' where name = 'new'`)
	second.becomes("new.other.example.", dns.TypeA, "192.0.2.32")
	assert.Less(n, time.Since(begun), time.Minute, "it is told, and does not wait for the refresh of a day")
	assert.Equal(n, n.serial("other.example."), second.serial("other.example."))
	assert.Equal(n, "REFUSED", second.answers("example.org.", dns.TypeSOA))
	transfer := second.exchange("tcp", new(dns.Msg).SetAxfr("other.example."))
	require.NotNil(n, transfer)
	assert.Equal(n, dns.RcodeRefused, transfer.Rcode, "nor gives it on")

	require.NoError(n, n.engine.ContainerStop(n.Context(), n.id, time.Minute))
	assert.Equal(n, "192.0.2.32", second.answers("new.other.example.", dns.TypeA))
	second.restart()
	second.becomes("new.other.example.", dns.TypeA, "192.0.2.32")
	zones, err = hosting.ServedZones(n.Context(), n.admin, "bind")
	require.NoError(n, err)
	_, problems, err = nameserver.Server{UDP: second.address("udp"), TCP: second.address("tcp")}.Check(n.Context(), zones,
		"other.example")
	require.NoError(n, err)
	assert.Empty(n, problems, "it has what the tables of the primary have")
	second.sql(`update dns_zones set enabled = false`)
	second.becomes("other.example.", dns.TypeSOA, "REFUSED")
	second.remove()
	n.start()
	n.becomes("new.other.example.", dns.TypeA, "192.0.2.32")
	n.sql(`delete from settings`)
}

func (n *nameServer) changesMany() {
	n.sql(`insert into dns_zones (name, primary_ns, hostmaster) select 'n' || i || '.example', 'ns1.example.net',
		'a@example.org' from generate_series(1, 200) i;
		insert into dns_records (zone_id, name, type, content) select id, 'x', 'TXT', 'first' from dns_zones
		where name like 'n%'`)
	n.becomes("x.n1.example.", dns.TypeTXT, `"first"`)
	n.sql(`update dns_records set content = 'second' where name = 'x';
		insert into dns_records (zone_id, name, type, content) select id, '@', 'NS', 'ns.n7.example.' from dns_zones
		where name = 'n7.example'`)
	for _, i := range []int{1, 6, 8, 200} {
		n.becomes(fmt.Sprintf("x.n%d.example.", i), dns.TypeTXT, `"second"`)
	}
	assert.Equal(n, `"first"`, n.answers("x.n7.example.", dns.TypeTXT))
	n.sql(`delete from dns_zones where name like 'n%'`)
	n.becomes("n1.example.", dns.TypeSOA, "REFUSED")
}

func (n *nameServer) outlivesDatabase() {
	require.NoError(n, n.engine.ContainerStop(n.Context(), n.db.id, time.Minute))
	n.tells(func(s status.Status) bool { return !s.Connected })
	assert.Equal(n, "192.0.2.9", n.answers("mail.example.org.", dns.TypeA))
	n.killDaemon()
	n.becomes("mail.example.org.", dns.TypeA, "192.0.2.9")
	n.restart()
	n.becomes("mail.example.org.", dns.TypeA, "192.0.2.9")
	require.NoError(n, n.engine.ContainerStart(n.Context(), n.db.id))
	n.db.T = n.T
	n.admin = n.db.login(n.db.password)
	n.sql(`update dns_records set content = '192.0.2.10' where name = 'mail' and type = 'A'`)
	n.becomes("mail.example.org.", dns.TypeA, "192.0.2.10")
}
