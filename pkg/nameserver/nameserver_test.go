package nameserver_test

import (
	"context"
	"crypto"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/nameserver"
)

// fake is a name server that has what the test gives it.
type fake struct {
	mu      sync.Mutex
	records map[string][]dns.RR // by name and type
	over    map[string][]dns.RR // likewise, over TCP only
	refused bool
	key     *dns.DNSKEY
	signer  crypto.Signer
	from    time.Time // when signatures begin
}

// newFake serves lines of a zone file, and gives where.
func newFake(t *testing.T, lines ...string) (*fake, nameserver.Server) {
	t.Helper()
	f := &fake{records: map[string][]dns.RR{}, over: map[string][]dns.RR{}, from: time.Now().Add(-time.Hour)}
	f.serve(t, lines...)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	for network, server := range map[string]*dns.Server{"tcp": {Listener: tcp}, "udp": {PacketConn: udp}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		server.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) { _ = w.WriteMsg(f.answer(network, r)) })
		go func() { _ = server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return f, nameserver.Server{UDP: udp.LocalAddr().String(), TCP: tcp.Addr().String()}
}

func (f *fake) serve(t *testing.T, lines ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	parser := dns.NewZoneParser(strings.NewReader(strings.Join(lines, "\n")+"\n"), "example.org.", "")
	parser.SetDefaultTTL(3600)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		f.records[key(rr.Header().Name,
			rr.Header().Rrtype)] = append(f.records[key(rr.Header().Name, rr.Header().Rrtype)], rr)
	}
	require.NoError(t, parser.Err())
}

func key(name string, kind uint16) string {
	return strings.ToLower(name) + " " + dns.TypeToString[kind]
}

func (f *fake) answer(network string, r *dns.Msg) *dns.Msg {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := new(dns.Msg).SetReply(r)
	q := r.Question[0]
	if f.refused || !dns.IsSubDomain("example.org.", q.Name) && !dns.IsSubDomain("example.net.", q.Name) {
		m.Rcode = dns.RcodeRefused
		return m
	}
	if dns.IsSubDomain("away.example.org.", q.Name) && q.Qtype != dns.TypeDS {
		m.Ns, m.Extra = f.records["away.example.org. NS"], f.records["ns.away.example.org. A"]
		return m
	}
	m.Authoritative = true
	m.Answer = f.records[key(q.Name, q.Qtype)]
	if other, ok := f.over[key(q.Name, q.Qtype)]; ok && network == "tcp" {
		m.Answer = other
	}
	if len(m.Answer) == 0 && q.Name != "example.org." {
		m.Rcode = dns.RcodeNameError
	}
	if f.key != nil && len(m.Answer) > 0 && r.IsEdns0().Do() {
		signature := &dns.RRSIG{
			Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: 60}, Algorithm: f.key.Algorithm,
			KeyTag:     f.key.KeyTag(),
			SignerName: "example.org.", Inception: uint32(f.from.Unix()), Expiration: uint32(f.from.Add(24 * time.Hour).Unix()),
		}
		if signature.Sign(f.signer, m.Answer) == nil {
			m.Answer = append(m.Answer[:len(m.Answer):len(m.Answer)], signature)
		}
	}
	return m.Copy() // it is sent while the test may already change the records
}

// sign makes the zone one that is signed.
func (f *fake) sign(t *testing.T) {
	t.Helper()
	k := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 60},
		Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := k.Generate(256)
	require.NoError(t, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.key, f.signer = k, private.(crypto.Signer)
	f.records["example.org. DNSKEY"] = []dns.RR{k}
}

const soa = `@ SOA ns1.example.net. first\.last.example.org. 7 86400 7200 3600000 3600`

// zone is one whose rows are those lines: name, type, content.
func zone(rows ...string) hosting.ServedZone {
	z := hosting.ServedZone{
		ID: 1, Name: "example.org", Kind: "primary", PrimaryNS: "ns1.example.net", Hostmaster: "first.last@example.org",
		Serial:  7,
		Refresh: 86400, Retry: 7200, Expire: 3600000, Minimum: 3600, DefaultTTL: 3600, Enabled: true,
	}
	for i, text := range rows {
		fields := strings.SplitN(text, " ", 3)
		r := hosting.ServedRecord{
			ID: int64(i + 1), Enabled: true, Record: hosting.Record{Name: fields[0], Type: fields[1], Content: fields[2]},
		}
		if r.Type == "MX" || r.Type == "SRV" {
			var priority int
			_, _ = fmt.Sscan(r.Content, &priority)
			r.Priority, r.Content = &priority, strings.SplitN(r.Content, " ", 2)[1]
		}
		z.Records = append(z.Records, r)
	}
	return z
}

// told are problems, each in a line.
func told(t *testing.T, s nameserver.Server, zones ...hosting.ServedZone) string {
	t.Helper()
	_, problems, err := s.Check(t.Context(), zones, "")
	require.NoError(t, err)
	var lines []string
	for _, p := range problems {
		lines = append(lines, string(p.State)+" | "+p.Record+" | "+p.Text)
	}
	return strings.Join(lines, "\n")
}

func TestServer_Check_passes(t *testing.T) {
	t.Parallel()
	served := []string{
		soa, "@ NS ns1.example.net.", "mail A 192.0.2.1", "mail AAAA 2001:db8::1", "@ MX 10 Mail.example.org.",
		`k TXT "v=DKIM1; p=` + strings.Repeat("A", 244) + `" "AAAA"`,
		`q TXT "say \"hi\" \\ 100%"`, `@ CAA 0 issue "ca.example; x=y"`, "_25._tcp TLSA 3 1 1 " + strings.Repeat("ab", 32),
		"h HTTPS 1 . alpn=h2",
		"_imaps._tcp SRV 0 1 993 mail.example.org.", "away NS ns.away.example.org.", "ns.away A 192.0.2.3",
		"*.w 60 A 192.0.2.2",
	}
	_, server := newFake(t, served...)
	z := zone("mail A 192.0.2.1", "mail AAAA 2001:DB8:0::1", "@ MX 10 mail",
		"k TXT v=DKIM1; p="+strings.Repeat("A", 248), `q TXT say "hi" \ 100%`,
		"@ CAA 0 issue ca.example; x=y", "_25._tcp TLSA 3 1 1 "+strings.Repeat("AB", 32), "h HTTPS 1 . alpn=h2",
		"_imaps._tcp SRV 0 1 993 mail.example.org.",
		"*.w A 192.0.2.2", "away NS ns.away.example.org.", "ns.away A 192.0.2.3", "gone A 192.0.2.9")
	ttl := 60
	z.Records[9].TTL = &ttl
	z.Records[12].Enabled = false
	answered, problems, err := server.Check(t.Context(), []hosting.ServedZone{z}, "")
	require.NoError(t, err)
	assert.Empty(t, problems)
	assert.Equal(t, []nameserver.Answered{{Zone: "example.org", Kind: "primary", Serial: 7, Served: 7, Records: 14}},
		answered)
}

func TestServer_Check_tells(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		served []string
		rows   []string
		change func(*fake, *hosting.ServedZone, *nameserver.Server)
		want   string
	}{
		"a record is missing": {
			[]string{"@ NS ns1.example.net."},
			[]string{"a A 192.0.2.1"},
			nil,
			"missing | a A 192.0.2.1 | it is not served over UDP: the answer is NXDOMAIN",
		},
		"another is served": {
			[]string{"@ NS ns1.example.net.", "a A 192.0.2.2"},
			[]string{"a A 192.0.2.1"},
			nil, "differs | a A 192.0.2.1 | it is served over UDP as 192.0.2.2",
		},
		"one more is served": {
			[]string{"@ NS ns1.example.net.", "a A 192.0.2.2", "a A 192.0.2.1"},
			[]string{"a A 192.0.2.1"},
			nil, "differs | a A | 192.0.2.2 is served over UDP, and in no row of the tables",
		},
		"the TTL": {
			[]string{"@ NS ns1.example.net.", "a 60 A 192.0.2.1"},
			[]string{"a A 192.0.2.1"},
			nil,
			"differs | a A 192.0.2.1 | it is served over UDP with a TTL of 60, and the tables have 3600",
		},
		"the name server": {nil, nil, nil, "missing | @ NS ns1.example.net. | it is not served over UDP"},
		"what cannot be served": {
			[]string{"@ NS ns1.example.net."},
			[]string{"a TLSA 3 1 1 xyz"},
			nil,
			`left out | a TLSA 3 1 1 xyz | it cannot be served: record 1, a TLSA: "3 1 1 xyz" does not end with hex digits`,
		},
		"what is hidden": {
			[]string{"@ NS ns1.example.net.", "away NS ns.example.net."},
			[]string{"away NS ns.example.net.", "x.away TXT text"},
			nil,
			"left out | x.away TXT text | away.example.org is a zone of its own, or handed over to other name servers: they " +
				"answer for this name",
		},
		"what a DNAME hides": {
			[]string{"@ NS ns1.example.net.", "old DNAME new.example.net."},
			[]string{"old DNAME new.example.net.", "x.old A 192.0.2.1"},
			nil,
			"left out | x.old A 192.0.2.1 | old.example.org has a DNAME record, which answers for all names below it",
		},
		"over TCP alone": {
			[]string{"@ NS ns1.example.net.", "a A 192.0.2.1"},
			[]string{"a A 192.0.2.1"},
			func(f *fake, _ *hosting.ServedZone, _ *nameserver.Server) { f.over["a.example.org. A"] = nil },
			"missing | a A 192.0.2.1 | it is not served over TCP: the answer is NXDOMAIN",
		},
		"what is out of service": {
			[]string{"@ NS ns1.example.net.", "a A 192.0.2.1"},
			[]string{"a A 192.0.2.1"},
			func(_ *fake, z *hosting.ServedZone, _ *nameserver.Server) { z.Records[0].Enabled = false },
			"differs | a A 192.0.2.1 | it is out of service in the tables, and is served over UDP",
		},
		"a zone that is refused": {
			nil,
			[]string{"a A 192.0.2.1"},
			func(f *fake, _ *hosting.ServedZone, _ *nameserver.Server) { f.refused = true },
			"missing |  | the zone is not served: the answer is REFUSED",
		},
		"a zone out of service": {
			[]string{"@ NS ns1.example.net."},
			nil,
			func(_ *fake, z *hosting.ServedZone, _ *nameserver.Server) { z.Enabled = false },
			"differs |  | the zone is out of service in the tables, and is served",
		},
		"an old serial": {
			[]string{"@ NS ns1.example.net."},
			nil, func(_ *fake, z *hosting.ServedZone, _ *nameserver.Server) { z.Serial = 8 },
			"stale |  | the zone is served with serial 7, and the tables have 8",
		},
		"an old serial, and why": {
			[]string{"@ NS ns1.example.net."},
			nil,
			func(_ *fake, z *hosting.ServedZone, s *nameserver.Server) { z.Serial = 8; s.Tells = leftOut },
			"left out |  | the zone is served as it last was, with serial 7 and not 8: record 3 is bad",
		},
		"other fields of the SOA": {
			[]string{"@ NS ns1.example.net."},
			nil,
			func(_ *fake, z *hosting.ServedZone, _ *nameserver.Server) { z.Refresh = 90000 },
			`differs | @ SOA | it is served as ns1.example.net. first\.last.example.org. 86400 7200 3600000 3600, ` +
				`and the tables have ns1.example.net. first\.last.example.org. 90000 7200 3600000 3600`,
		},
		"a secondary one": {
			nil, nil, func(f *fake, z *hosting.ServedZone, _ *nameserver.Server) { f.refused, z.Kind = true, "secondary" },
			"missing |  | the zone is not served (REFUSED): it has not been transferred from ",
		},
		"what is not signed at all": {
			[]string{"@ NS ns1.example.net."},
			nil,
			func(_ *fake, z *hosting.ServedZone, _ *nameserver.Server) { z.Signed = true },
			"unsigned |  | the zone is to be signed (setting dnssec), and has no keys",
		},
		"two rows of one record": {
			[]string{"@ NS ns1.example.net.", "@ MX 10 mail.example.org."},
			[]string{"@ MX 10 mail", "@ MX 10 mail.example.org."},
			nil,
			"",
		},
		"what is out of service, below a wildcard": {
			[]string{"@ NS ns1.example.net.", "* A 192.0.2.1", "a A 192.0.2.1", "b A 192.0.2.1", "c.d A 192.0.2.1"},
			[]string{"* A 192.0.2.1", "a A 192.0.2.1", "b A 192.0.2.2", "c.d A 192.0.2.2", "d TXT text"},
			func(_ *fake, z *hosting.ServedZone, _ *nameserver.Server) {
				for i := 1; i < len(z.Records); i++ {
					z.Records[i].Enabled = false
				}
			},
			"",
		},
		"a wildcard for what has records of its own": {
			[]string{"@ NS ns1.example.net.", "* A 192.0.2.1", "a A 192.0.2.2", "a TXT text"},
			[]string{"a A 192.0.2.2", "a TXT text", "* A 192.0.2.1"},
			func(_ *fake, z *hosting.ServedZone, _ *nameserver.Server) { z.Records[0].Enabled = false },
			"differs | a A 192.0.2.2 | it is out of service in the tables, and is served over UDP",
		},
		"challenges": {[]string{"@ NS ns1.example.net."}, nil, func(_ *fake, z *hosting.ServedZone, _ *nameserver.Server) {
			z.Challenges = []hosting.Challenge{
				{Name: "_acme-challenge.a.example.org"}, {Name: "_acme-challenge.b.example.org", Obstacle: "record x CNAME y."},
			}
		}, "missing | _acme-challenge.a.example.org | it is no zone of its own yet, as a certificate by dns-01 needs it: " +
			"the answer is NXDOMAIN\nleft out | _acme-challenge.b.example.org | it is no zone of its own, so that no " +
			"certificate is issued by dns-01: record x CNAME y. is in the way; remove it with: mage dns:remove example.org x " +
			"CNAME"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, server := newFake(t, append([]string{soa}, tc.served...)...)
			z := zone(tc.rows...)
			if tc.change != nil {
				f.mu.Lock()
				tc.change(f, &z, &server)
				f.mu.Unlock()
			}
			assert.Equal(t, tc.want, told(t, server, z))
		})
	}
}

func leftOut(context.Context) nameserver.Told {
	return nameserver.Told{LeftOut: map[string]string{"example.org": "record 3 is bad"}, Read: time.Now()}
}

func TestServer_Check_signatures(t *testing.T) {
	t.Parallel()
	f, server := newFake(t, soa, "@ NS ns1.example.net.", "a A 192.0.2.1", "*.w A 192.0.2.2", "long 86400 A 192.0.2.3")
	f.sign(t)
	z := zone("a A 192.0.2.1", "*.w A 192.0.2.2", "long A 192.0.2.3")
	week := 604800
	z.Records[2].TTL = &week     // no TTL of a signed zone is longer than a day
	z.Signed, z.Serial = true, 5 // signing raises the serial
	answered, problems, err := server.Check(t.Context(), []hosting.ServedZone{z}, "")
	require.NoError(t, err)
	assert.Empty(t, problems)
	assert.True(t, answered[0].Signed)
	behind := server // by changes while the server was stopped, of which it serves the last
	behind.Tells = func(context.Context) nameserver.Told { return nameserver.Told{Read: time.Now()} }
	z.Serial = 50
	assert.Empty(t, told(t, behind, z))
	z.Serial = 5
	f.mu.Lock()
	f.from = time.Now().Add(-48 * time.Hour)
	f.mu.Unlock()
	assert.Regexp(t, `(?m)^unsigned \| a\.example\.org\. A \| its signature is not good: it holds from \d{14} to \d{14}$`,
		told(t, server, z))
	f.mu.Lock()
	f.key = nil
	f.mu.Unlock()
	assert.Contains(t, told(t, server, z),
		"unsigned | a.example.org. A | it is served without a signature, in a zone that is signed")
}

func TestServer_Check_waits(t *testing.T) {
	t.Parallel()
	f, server := newFake(t, soa, "@ NS ns1.example.net.")
	z := zone("a A 192.0.2.1")
	z.Serial, server.Settle = 8, time.Minute
	z.Changed = time.Now()
	server.Tells = func(context.Context) nameserver.Told { // it takes what has changed only then
		f.serve(t, "a A 192.0.2.1")
		f.mu.Lock()
		defer f.mu.Unlock()
		f.records["example.org. SOA"][0].(*dns.SOA).Serial = 8
		return nameserver.Told{
			LeftOut: map[string]string{"example.org": "of the time before"}, Read: z.Changed.Add(-time.Second),
		}
	}
	assert.Empty(t, told(t, server, z))
}

func TestServer_Check_zones(t *testing.T) {
	t.Parallel()
	_, server := newFake(t, soa, "@ NS ns1.example.net.", "sub NS a.sub.example.org.", "a.sub A 192.0.2.1",
		"example.net. SOA ns1.example.net. first.example.org. 7 86400 7200 3600000 3600")
	upper, lower := zone("sub NS a.sub.example.org.", "a.sub A 192.0.2.7", "b.sub TXT text", "c.sub A 192.0.2.8"),
		zone("a A 192.0.2.1")
	lower.Name, lower.Enabled = "sub.example.org", true
	other := zone()
	other.Name, other.Kind = "example.net", "secondary"
	answered, problems, err := server.Check(t.Context(), []hosting.ServedZone{upper, lower, other}, "example.org")
	require.NoError(t, err)
	assert.Len(t, answered, 1)
	require.Len(t, problems, 2, "the zone below answers for its servers and their addresses itself")
	assert.Equal(t, "b.sub TXT text", problems[0].Record)
	assert.Equal(t, "c.sub A 192.0.2.8", problems[1].Record)
	answered, _, err = server.Check(t.Context(), []hosting.ServedZone{other}, "")
	require.NoError(t, err)
	assert.Equal(t, uint32(7), answered[0].Served)
}

func TestServer_Check_zones_below_a_signed_one(t *testing.T) {
	t.Parallel()
	f, server := newFake(t, soa, "@ NS ns1.example.net.", "b NS ns1.example.net.", "c NS ns1.example.net.",
		"b DS 12345 13 2 "+strings.Repeat("ab", 32), "c DS 12345 13 2 "+strings.Repeat("ab", 32))
	f.sign(t)
	top := zone("b NS ns1.example.net.", "c NS ns1.example.net.", "b DS 12345 13 2 "+strings.Repeat("ab", 32),
		"c DS 12345 13 2 "+strings.Repeat("ab", 32))
	top.Challenges = []hosting.Challenge{{Name: "_acme-challenge.example.org"}}
	top.Signed = true
	zones := []hosting.ServedZone{top}
	for _, name := range []string{"a", "b", "c", "x.a"} {
		below := zone()
		below.Name, below.Signed = name+".example.org", name == "c"
		zones = append(zones, below)
	}
	check := func() (found []string) {
		_, problems, err := server.Check(t.Context(), zones, "example.org")
		require.NoError(t, err)
		for _, p := range problems {
			if !strings.HasPrefix(p.Record, "_acme") {
				found = append(found, string(p.State)+" | "+p.Record+" | "+p.Text)
			}
		}
		return found
	}
	assert.Equal(t, []string{
		"unsigned | a NS | a.example.org is a zone of its own, and this one, which is signed, does not hand it over: " +
			"whoever checks signatures takes its answers for forged; add a record with: mage dns:add example.org a NS SERVER",
		"unsigned | b DS | b.example.org is a zone here and is not signed: whoever checks signatures takes its answers for " +
			"forged; remove the record with: mage dns:remove example.org b DS",
	}, check())
	zones[0].Signed = false
	assert.Empty(t, check(), "where nothing is signed, nothing is forged")
}

func TestServer_Check_nobody(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := gone.Addr().String()
	require.NoError(t, gone.Close())
	_, _, err = nameserver.Server{UDP: at, TCP: at}.Check(t.Context(), []hosting.ServedZone{zone()}, "")
	var unreachable *nameserver.UnreachableError
	require.ErrorAs(t, err, &unreachable)
	assert.ErrorContains(t, err, "the name server does not answer at "+at)
}
