package quote_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/quote"
)

// parse reads a zone file as others do.
func parse(t *testing.T, line string) []dns.RR {
	t.Helper()
	var out []dns.RR
	p := dns.NewZoneParser(strings.NewReader(line+"\n"), "example.org.", "")
	p.SetDefaultTTL(60)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		out = append(out, rr)
	}
	require.NoError(t, p.Err(), line)
	return out
}

func row(name, kind, content string) map[string]any {
	r := map[string]any{"id": 7, "name": name, "type": kind, "content": content, "priority": nil, "ttl": nil}
	if kind == "MX" || kind == "SRV" {
		r["priority"] = 10
	}
	return r
}

func TestZoneRecord(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, kind, content, want string }{
		{"@", "A", "192.0.2.1", "example.org.\t60\tIN\tA\t192.0.2.1"},
		{"www", "AAAA", "2001:DB8::1", "www.example.org.\t60\tIN\tAAAA\t2001:db8::1"},
		{"*", "CNAME", "host.example.net.", "*.example.org.\t60\tIN\tCNAME\thost.example.net."},
		{"@", "MX", "mail", "example.org.\t60\tIN\tMX\t10 mail.example.org."},
		{"@", "MX", ".", "example.org.\t60\tIN\tMX\t10 ."},
		{"@", "NS", "@", "example.org.\t60\tIN\tNS\texample.org."},
		{
			"_imaps._tcp", "SRV", "1 993 mail.example.org.", "_imaps._tcp.example.org.\t60\tIN\tSRV\t10 1 993 mail.example.org.",
		},
		{
			"@", "CAA", "0 issue ca.example; validationmethods=dns-01",
			"example.org.\t60\tIN\tCAA\t0 issue \"ca.example; validationmethods=dns-01\"",
		},
		{"@", "CAA", `0 issue "ca.example"`, "example.org.\t60\tIN\tCAA\t0 issue \"ca.example\""},
		{
			"_25._tcp", "TLSA", "3 1 1 " + strings.Repeat("ab", 32),
			"_25._tcp.example.org.\t60\tIN\tTLSA\t3 1 1 " + strings.Repeat("ab", 32),
		},
		{"h", "SSHFP", "4 2 " + strings.Repeat("AB", 32), "h.example.org.\t60\tIN\tSSHFP\t4 2 " + strings.Repeat("AB", 32)},
		{
			"sub", "DS", "12345 13 2 " + strings.Repeat("ab ", 32),
			"sub.example.org.\t60\tIN\tDS\t12345 13 2 " + strings.Repeat("AB", 32),
		},
		{"@", "LOC", "52 N 4 53 E -2m", "example.org.\t60\tIN\tLOC\t52 00 0.000 N 04 53 0.000 E -2m 1m 10000m 10m"},
		{"@", "HTTPS", `1 . alpn="h2,h3" port=8443`, "example.org.\t60\tIN\tHTTPS\t1 . alpn=\"h2,h3\" port=\"8443\""},
		{
			"@", "NAPTR", `100 10 "u" "sip+E2U" "!^.*$!sip:ada@example.org!" .`,
			"example.org.\t60\tIN\tNAPTR\t100 10 \"u\" \"sip+E2U\" \"!^.*$!sip:ada@example.org!\" .",
		},
	} {
		line, err := quote.ZoneRecord(row(tc.name, tc.kind, tc.content))
		require.NoError(t, err)
		got := parse(t, line)
		require.Len(t, got, 1, line)
		assert.Equal(t, tc.want, got[0].String())
	}
}

func TestZoneRecord_texts_keep_every_byte(t *testing.T) {
	t.Parallel()
	for _, content := range []string{
		"v=DKIM1; k=rsa; p=" + strings.Repeat("A", 400), strings.Repeat("a", 254) + "ü", `say "hi"; c:\temp \; 100%`,
		"one\nevil A 192.0.2.66", "\\", `"`, "a\x01b",
	} {
		line, err := quote.ZoneRecord(row("n", "TXT", content))
		require.NoError(t, err)
		assert.NotContains(t, line, "\n")
		got := parse(t, line)
		require.Len(t, got, 1)
		wire := make([]byte, dns.MaxMsgSize)
		n, err := dns.PackRR(got[0], wire, 0, nil, false)
		require.NoError(t, err)
		back := ""
		for data := wire[n-int(got[0].Header().Rdlength) : n]; len(data) > 0; data = data[1+int(data[0]):] {
			back += string(data[1 : 1+int(data[0])])
		}
		assert.Equal(t, content, back)
	}
}

func TestZoneRecord_refuses(t *testing.T) {
	t.Parallel()
	for kind, contents := range map[string][]string{
		"A": {"1.2.3", "::1", "1.2.3.4 5", "1.2.3.4\nevil A 192.0.2.66"}, "AAAA": {"192.0.2.1", "fe80::1%eth0"},
		"CNAME": {"a..b", "", strings.Repeat("a", 64), `a\`, `a\999`}, "SRV": {"1 993", "1 70000 a", "x 1 a"},
		"CAA": {"0 issue", "256 issue x", "0 is-sue x"}, "TLSA": {"3 1 1 xyz", "3 1 1 abc", "3 1 ab"}, "DS": {"70000 1 1 ab"},
		"NAPTR": {`1 1 "u" "x" "y`, "1 1 u x y", "1 1 u x y . ; z", "1 1 u x y .\nevil A 192.0.2.66"},
		"HTTPS": {"1", "x .", "1 . alpn=h2 (", "1 . alpn=h2\nevil A 192.0.2.66", `1 . alpn="h2`, `1 . alpn=h2\`},
		"SOA":   {"x"},
		"TXT":   {strings.Repeat("a", 65535)},
	} {
		for _, content := range contents {
			line, err := quote.ZoneRecord(row("n", kind, content))
			require.ErrorContains(t, err, "record 7, n "+kind+": ", "%s %q gives %s", kind, content, line)
		}
	}
}

func TestZoneName(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"a.b": "a.b", "a.b.": "a.b.", `a\.b`: `a\046b`, "a b;c": `a\032b\059c`,
		`\065`: "A", "ü.": `\195\188.`, "$INCLUDE": `\036INCLUDE`,
	} {
		got, err := quote.ZoneName(typed)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	got, err := quote.ZoneMailbox("first.last@example.org")
	require.NoError(t, err)
	assert.Equal(t, `first\046last.example.org.`, got)
	for _, bad := range []any{"no-at", "@example.org", 1, strings.Repeat("a", 64) + "@example.org"} {
		_, err := quote.ZoneMailbox(bad)
		require.Error(t, err)
	}
	for _, bad := range []any{"a;b", "", "a\nb", `"`, 1} {
		_, err := quote.Zone(bad)
		require.Error(t, err, bad)
	}
	file, err := quote.ZoneFile("0/25.2.0.192.in-addr.arpa")
	require.NoError(t, err)
	assert.Equal(t, "0%25.2.0.192.in-addr.arpa", file)
	list, err := quote.Addresses([]any{"192.0.2.1", "2001:db8::1"})
	require.NoError(t, err)
	assert.Equal(t, []string{"192.0.2.1", "2001:db8::1"}, list)
	_, err = quote.Addresses("192.0.2.1; }; evil")
	require.Error(t, err)
}

func FuzzZoneRecord(f *testing.F) {
	for _, kind := range []string{"TXT", "CNAME", "HTTPS", "NAPTR", "CAA", "MX", "TLSA"} {
		f.Add("n", kind, "one\nevil A 192.0.2.66")
	}
	f.Fuzz(func(t *testing.T, name, kind, content string) {
		line, err := quote.ZoneRecord(row(name, kind, content))
		if err == nil {
			assert.LessOrEqual(t, len(parseLenient(line)), 1, "%q", line)
			assert.NotContains(t, line, "\n")
		}
	})
}

// parseLenient leaves it to the checker what a value may be.
func parseLenient(line string) (out []dns.RR) {
	p := dns.NewZoneParser(strings.NewReader(line+"\n"), "example.org.", "")
	p.SetDefaultTTL(60)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		out = append(out, rr)
	}
	return out
}

func TestZoneRecord_longest(t *testing.T) {
	t.Parallel()
	r := row("www", "A", "192.0.2.1")
	for _, tc := range []struct {
		ttl  any
		most []int
		want string
	}{
		{nil, []int{60}, "www IN A "},
		{90, []int{60}, "www 60 IN A "},
		{30, []int{60}, "www 30 IN A "},
		{90, nil, "www 90 IN A "},
	} {
		r["ttl"] = tc.ttl
		line, err := quote.ZoneRecord(r, tc.most...)
		require.NoError(t, err)
		assert.Contains(t, line, tc.want)
	}
	_, err := quote.TTL("1; evil", 60)
	assert.Error(t, err)
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	list, err := quote.Endpoints([]any{"192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:53"})
	require.NoError(t, err)
	assert.Equal(t, []quote.Endpoint{{"192.0.2.1", 0}, {"192.0.2.1", 5353}, {"2001:db8::1", 0}, {"2001:db8::1", 53}}, list)
	for _, bad := range []any{
		"192.0.2.1:0", "192.0.2.1:70000", "192.0.2.1; }; evil", "ns1:53", 7, []any{[]any{"192.0.2.1"}}, []any{[]any{}},
	} {
		_, err = quote.Endpoints(bad)
		assert.Error(t, err, bad)
	}
	port, err := quote.Port(float64(5353))
	require.NoError(t, err)
	assert.Equal(t, "5353", port)
	for _, bad := range []any{"5353", 0, 65536, -1, nil} {
		_, err = quote.Port(bad)
		assert.Error(t, err, bad)
	}
}
