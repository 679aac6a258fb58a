package hosting_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/hosting"
)

const zone hosting.Domain = "example.org"

// digest32 is a digest of 32 bytes.
const digest32 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParseRecord(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ name, kind, content, want, note string }{
		"an address":      {"www", "a", "192.0.2.1", "www A 192.0.2.1", ""},
		"an IPv6 address": {"www", "AAAA", "2001:DB8:0::1", "www AAAA 2001:db8::1", ""},
		"a name in full":  {"www.example.org.", "A", "192.0.2.1", "www A 192.0.2.1", ""},
		"the zone itself": {"example.org.", "A", "192.0.2.1", "@ A 192.0.2.1", ""},
		"foreign letters": {"Bücher", "A", "192.0.2.1", "xn--bcher-kva A 192.0.2.1", "is kept as xn--bcher-kva"},
		"a wildcard":      {"*", "A", "192.0.2.1", "* A 192.0.2.1", ""},
		"MX with priority in front": {
			"@", "MX", "10 mail.example.org", "@ MX 10 mail.example.org.", "with a dot at its end",
		},
		"MX with its dot":          {"@", "MX", "5 mail.example.org.", "@ MX 5 mail.example.org.", ""},
		"MX of a name of the zone": {"@", "MX", "10 mail", "@ MX 10 mail", "mail means mail.example.org"},
		"MX without priority":      {"@", "MX", "mail.example.org.", "@ MX 10 mail.example.org.", "it is 10"},
		"no mail at all":           {"@", "MX", "0 .", "@ MX 0 .", ""},
		"SRV without priority": {
			"_imaps._tcp", "SRV", "1 993 mail.example.org", "_imaps._tcp SRV 0 1 993 mail.example.org.", "it is 0",
		},
		"SRV": {
			"_imaps._tcp", "SRV", "5 1 993 mail.example.org.", "_imaps._tcp SRV 5 1 993 mail.example.org.", "",
		},
		"a CNAME elsewhere": {
			"www", "CNAME", "host.example.net", "www CNAME host.example.net.", "host.example.net.example.org",
		},
		"a CNAME of the zone itself": {"www", "CNAME", "@", "www CNAME example.org.", ""},
		"text":                       {"@", "TXT", "v=spf1 mx -all", "@ TXT v=spf1 mx -all", ""},
		"text in quotes":             {"@", "TXT", `"v=spf1 -all"`, "@ TXT v=spf1 -all", "quotes"},
		"text with quotes within":    {"q", "TXT", `say "hi"; c:\temp`, `q TXT say "hi"; c:\temp`, ""},
		"CAA":                        {"@", "CAA", `0 issue "letsencrypt.org"`, "@ CAA 0 issue letsencrypt.org", "quotes"},
		"TLSA": {
			"_25._tcp.mail", "TLSA", "3 1 1  " + digest32, "_25._tcp.mail TLSA 3 1 1 " + digest32, "",
		},
		"strings of a zone file": {
			"k._domainkey", "TXT", `"v=DKIM1; k=rsa; " "p=MIIB" "IjAN"`,
			"k._domainkey TXT v=DKIM1; k=rsa; p=MIIBIjAN", "its 3 strings are kept as one",
		},
		"what opendkim-genkey wrote": {"k._domainkey", "TXT", "( \"v=DKIM1; \"\n\t\"p=A\" )  ; ----- DKIM key k for " +
			"example.org", "k._domainkey TXT v=DKIM1; p=A", "quotes"},
		"escapes of a zone file": {"q", "TXT", `"say \"hi\" \092\;"`, `q TXT say "hi" \;`, "quotes"},
		"text behind a quote":    {"q", "TXT", `"a" b`, `q TXT "a" b`, ""},
		"a digest with blanks": {
			"sub", "DS", "12345 13 2 " + digest32[:56] + " " + digest32[56:], "sub DS 12345 13 2 " + digest32, "",
		},
		"HTTPS of another name": {
			"@", "HTTPS", "1 svc.example.net alpn=h2", "@ HTTPS 1 svc.example.net. alpn=h2", "with a dot at its end",
		},
		"HTTPS of itself": {"@", "HTTPS", `1 . alpn="h2,h3" key65333=x`, `@ HTTPS 1 . alpn="h2,h3" key65333=x`, ""},
		"NAPTR with a name": {
			"@", "NAPTR", `100 10 "S" "SIP+D2U" "" _sip._udp.example.org`,
			`@ NAPTR 100 10 "S" "SIP+D2U" "" _sip._udp.example.org.`, "with a dot at its end",
		},
		"NAPTR with a blank": {
			"@", "NAPTR", `100 50 "u" "E2U+sip" "!^(.*)$!sip:a b\1@x!" .`,
			`@ NAPTR 100 50 "u" "E2U+sip" "!^(.*)$!sip:a b\1@x!" .`, "",
		},
		"NAPTR without quotes": {
			"@", "NAPTR", `100 10 u sip+E2U "!^.*$!sip:a@x!" .`, `@ NAPTR 100 10 u sip+E2U "!^.*$!sip:a@x!" .`, "",
		},
		"all parameters of a service": {
			"@", "HTTPS", "1 . mandatory=alpn alpn=h3 no-default-alpn port=8443 ipv4hint=192.0.2.1 ech=AAAA",
			"@ HTTPS 1 . mandatory=alpn alpn=h3 no-default-alpn port=8443 ipv4hint=192.0.2.1 ech=AAAA", "",
		},
		"an SPF record": {
			"@", "TXT", "v=spf1 +a:mx.example.net/24//64 mx ip6:2001:db8::/32 include:_spf.example.net exp=x.%{d} ~ALL",
			"@ TXT v=spf1 +a:mx.example.net/24//64 mx ip6:2001:db8::/32 include:_spf.example.net exp=x.%{d} ~ALL", "",
		},
		"a DMARC record": {
			"_dmarc", "TXT", "v=DMARC1; sp=none; p=Reject; rua=mailto:a@example.org;",
			"_dmarc TXT v=DMARC1; sp=none; p=Reject; rua=mailto:a@example.org;", "",
		},
		"a name of a part of a network": {"1", "CNAME", "1.0/25", "1 CNAME 1.0/25", "1.0/25 means 1.0/25.example.org"},
		"a key kept under another name": {
			"old._domainkey", "CNAME", "new._domainkey", "old._domainkey CNAME new._domainkey",
			"means new._domainkey.example.org",
		},
		"a service of the zone": {
			"@", "NAPTR", `10 10 "S" "SIP+D2U" "" _sip._udp`, `@ NAPTR 10 10 "S" "SIP+D2U" "" _sip._udp`, "means _sip._udp.",
		},
		"a part of a network": {"0/25", "NS", "ns.example.net.", "0/25 NS ns.example.net.", ""},
		"a name in such a part": {
			"1", "CNAME", "1.0/25.2.0.192.in-addr.arpa", "1 CNAME 1.0/25.2.0.192.in-addr.arpa.", "with a dot at its end",
		},
		"DNAME": {"old", "DNAME", "new.example.net.", "old DNAME new.example.net.", ""},
		"LOC without minutes": {
			"@", "LOC", "52 N 4 E 0m", "@ LOC 52 N 4 E 0m", "",
		},
		"LOC without seconds": {
			"@", "LOC", "52 22 N 4 53 32.5 E -2m 1m", "@ LOC 52 22 N 4 53 32.5 E -2m 1m", "",
		},
		"LOC": {
			"@", "LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
			"@ LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", "",
		},
		"URI": {
			"_ftp._tcp", "URI", `10 1 "ftp://ftp.example.org/a%20b"`, `_ftp._tcp URI 10 1 "ftp://ftp.example.org/a%20b"`, "",
		},
		"SMIMEA": {
			"c3d._smimecert", "SMIMEA", "3 1 1 " + digest32, "c3d._smimecert SMIMEA 3 1 1 " + digest32, "",
		},
		"OPENPGPKEY": {
			"c3d._openpgpkey", "OPENPGPKEY", "mQINBFit jsYBEADT/w==", "c3d._openpgpkey OPENPGPKEY mQINBFit jsYBEADT/w==", "",
		},
		"a type by its number": {"x", "TYPE65534", `\# 4 0A000001`, `x TYPE65534 \# 4 0A000001`, ""},
		"leave to report": {
			"example.net._report._dmarc", "TXT", "v=DMARC1", "example.net._report._dmarc TXT v=DMARC1", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := hosting.ParseRecord(zone, hosting.Input{Name: tc.name, Type: tc.kind, Content: tc.content})
			require.NoError(t, err)
			assert.Equal(t, tc.want, got.Record.String())
			assert.Empty(t, got.Doubts)
			if tc.note == "" {
				assert.Empty(t, got.Notes)
			} else {
				assert.Contains(t, strings.Join(got.Notes, "\n"), tc.note)
			}
		})
	}
}

// TestParseRecord_reverse has addresses as the names of records, which in zones of such names are not what they look
// like.
func TestParseRecord_reverse(t *testing.T) {
	t.Parallel()
	for of, names := range map[hosting.Domain]map[string]string{
		"2.0.192.in-addr.arpa":      {"192.0.2.11": "11", "11": "11", "192.0.3.1": ""},
		"8.b.d.0.1.0.0.2.ip6.arpa":  {"2001:db8::1": "1" + strings.Repeat(".0", 23), "2001:db9::1": ""},
		"0/25.2.0.192.in-addr.arpa": {"7": "7"},
	} {
		for typed, want := range names {
			got, err := hosting.ParseRecord(of, hosting.Input{Name: typed, Type: "PTR", Content: "mail.example.org."})
			if want == "" {
				require.ErrorContains(t, err, "is not in zone "+string(of))
			} else {
				require.NoError(t, err)
				assert.Equal(t, want, got.Name)
			}
		}
	}
	for typed, want := range map[string]hosting.Domain{
		"0/25.2.0.192.IN-ADDR.arpa.": "0/25.2.0.192.in-addr.arpa",
		"_tcp.Bücher.example":        "_tcp.xn--bcher-kva.example", "Bücher.example": "xn--bcher-kva.example",
	} {
		got, err := hosting.ParseZone(typed)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for typed, why := range map[string]string{
		"192.0.2.0/24": "2.0.192.in-addr.arpa for 192.0.2.0/24", "*._tcp.example": "has a *",
		"https://example.org": "a web address", "_a..example": "empty",
	} {
		_, err := hosting.ParseZone(typed)
		require.ErrorContains(t, err, why)
	}
}

func TestParseRecord_doubts(t *testing.T) {
	t.Parallel()
	for typed, meant := range map[string]string{
		"ftp.example.org": "write ftp,", "example.org": "write @,", "FTP.Example.ORG": "write ftp,",
	} {
		got, err := hosting.ParseRecord(zone, hosting.Input{Name: typed, Type: "A", Content: "192.0.2.1"})
		require.NoError(t, err)
		require.Len(t, got.Doubts, 1)
		assert.Contains(t, got.Doubts[0], meant)
		assert.Contains(t, got.Doubts[0], "example.org.example.org")
	}
}

func TestParseRecord_refuses(t *testing.T) {
	t.Parallel()
	some := 7
	for name, tc := range map[string]struct {
		in  hosting.Input
		why string
	}{
		"an address as MX": {
			hosting.Input{Name: "@", Type: "MX", Content: "10 192.0.2.1"}, "is an address, and MX records point to a name",
		},
		"an address with a dot":  {hosting.Input{Name: "@", Type: "MX", Content: "192.0.2.1."}, "is an address"},
		"an IPv6 address as MX":  {hosting.Input{Name: "@", Type: "MX", Content: "[2001:db8::1]"}, "is an address"},
		"dots beside each other": {hosting.Input{Name: "@", Type: "MX", Content: "a.."}, "a part that is empty"},
		"such a name": {
			hosting.Input{Name: "a..", Type: "A", Content: "192.0.2.1"}, "a part that is empty",
		},
		"IPv6 as A":       {hosting.Input{Name: "a", Type: "A", Content: "2001:db8::1"}, "take the type AAAA"},
		"IPv4 as AAAA":    {hosting.Input{Name: "a", Type: "AAAA", Content: "192.0.2.1"}, "take the type A"},
		"a name as A":     {hosting.Input{Name: "a", Type: "A", Content: "example.net"}, "take the type CNAME"},
		"an unknown type": {hosting.Input{Name: "a", Type: "CNAM", Content: "x"}, "did you mean CNAME?"},
		"SOA":             {hosting.Input{Name: "@", Type: "SOA", Content: "x"}, "the zone's own"},
		"another zone": {
			hosting.Input{Name: "www.example.net.", Type: "A", Content: "192.0.2.1"}, "is not in zone",
		},
		"a CNAME of the zone":      {hosting.Input{Name: "@", Type: "CNAME", Content: "x"}, "can be no CNAME"},
		"a * in the middle":        {hosting.Input{Name: "a.*.b", Type: "A", Content: "192.0.2.1"}, "whole first part"},
		"an underscore of a host":  {hosting.Input{Name: "a_b", Type: "A", Content: "192.0.2.1"}, "no underscore"},
		"a target with underscore": {hosting.Input{Name: "@", Type: "MX", Content: "a_b.example.org"}, "no underscore"},
		"text of two lines": {
			hosting.Input{Name: "n", Type: "TXT", Content: "one\nevil A 192.0.2.66"}, "the end of a line",
		},
		"no text": {hosting.Input{Name: "n", Type: "TXT", Content: " "}, "without content"},
		"a priority of A": {
			hosting.Input{Name: "a", Type: "A", Content: "192.0.2.1", Priority: &some}, "have no priority",
		},
		"two priorities": {
			hosting.Input{Name: "@", Type: "MX", Content: "10 mail", Priority: &some}, "give it once",
		},
		"a port that is none": {
			hosting.Input{Name: "_a._tcp", Type: "SRV", Content: "0 0 70000 mail"}, "between 0 and 65535",
		},
		"an SRV of one word": {
			hosting.Input{Name: "_a._tcp", Type: "SRV", Content: "mail"}, "priority, weight, port, name",
		},
		"a CAA of one word": {
			hosting.Input{Name: "@", Type: "CAA", Content: "letsencrypt.org"}, "0 issue letsencrypt.org",
		},
		"a TLSA without hex": {
			hosting.Input{Name: "_25._tcp", Type: "TLSA", Content: "3 1 1 xyz"}, "3 1 1 and a digest",
		},
		"a part that is too long": {
			hosting.Input{Name: strings.Repeat("a", 64), Type: "A", Content: "192.0.2.1"}, "more than 63",
		},
		"a name that is too long": {
			hosting.Input{Name: strings.Repeat("a.", 122) + "a", Type: "A", Content: "192.0.2.1"}, "too long",
		},
		"a TLSA that is cut": {
			hosting.Input{Name: "_25._tcp", Type: "TLSA", Content: "3 1 1 aabb"},
			"has 64 hex digits in a TLSA record, and this one has 4",
		},
		"an SSHFP of SHA-1 as 256": {
			hosting.Input{Name: "h", Type: "SSHFP", Content: "4 2 " + digest32[:40]}, "has 64 hex digits",
		},
		"the DS of the zone itself": {
			hosting.Input{Name: "@", Type: "DS", Content: "12345 13 2 " + digest32}, "in the zone above",
		},
		"an unknown parameter": {
			hosting.Input{Name: "@", Type: "HTTPS", Content: "1 . nosuch=1"}, "no parameter that is known here",
		},
		"a quote without an end": {
			hosting.Input{Name: "@", Type: "NAPTR", Content: `1 1 "u" "x !a! .`}, "a quote that does not end",
		},
		"more text than fits": {
			hosting.Input{Name: "t", Type: "TXT", Content: strings.Repeat("a", 65536)}, "longer than a record can hold",
		},
		"an SPF term that is none": {
			hosting.Input{Name: "@", Type: "TXT", Content: "v=spf1 inlcude:example.net -all"},
			"SPF knows no inlcude:example.net",
		},
		"SPF that asks too much": {
			hosting.Input{Name: "@", Type: "TXT", Content: "v=spf1" + strings.Repeat(" include:example.net", 11)}, "11 terms",
		},
		"DMARC without its policy": {
			hosting.Input{Name: "_dmarc", Type: "TXT", Content: "v=DMARC1; p=nonsense"}, "p=none, p=quarantine or p=reject",
		},
		"DMARC with commas": {
			hosting.Input{Name: "_dmarc", Type: "TXT", Content: "v=DMARC1, p=none"}, "begins with v=DMARC1;",
		},
		"DMARC in another order": {
			hosting.Input{Name: "_dmarc.a", Type: "TXT", Content: "p=none; v=DMARC1"}, "begins with v=DMARC1;",
		},
		"a host in a part of a network": {hosting.Input{Name: "0/25", Type: "A", Content: "192.0.2.1"}, "no slash"},
		"bytes that are not counted": {
			hosting.Input{Name: "x", Type: "TYPE65534", Content: `\# 3 0A000001`}, "8 hex digits",
		},
		"a place that is none": {
			hosting.Input{Name: "x", Type: "LOC", Content: "1 2 3 4 5 6 7 $INCLUDE"}, "not the form",
		},
		"A by its number": {
			hosting.Input{Name: "x", Type: "TYPE1", Content: `\# 4 0A000001`}, "no type of record",
		},
		"a parameter twice": {
			hosting.Input{Name: "@", Type: "HTTPS", Content: "1 . alpn=h2 alpn=h3"}, "repeated SVCB keys",
		},
		"a port of a parameter that is none": {
			hosting.Input{Name: "@", Type: "HTTPS", Content: "1 . port=99999"}, `"port=99999" cannot be in it`,
		},
		"an address of the other kind": {
			hosting.Input{Name: "@", Type: "HTTPS", Content: "1 . ipv4hint=::1"}, "ipv4hint=::1",
		},
		"a parameter's number where it has a name": {
			hosting.Input{Name: "@", Type: "SVCB", Content: "1 . key1=h2"}, "key1=h2",
		},
		"mandatory without what it names": {
			hosting.Input{Name: "@", Type: "HTTPS", Content: "1 . mandatory=port"}, "and port does not",
		},
		"no-default-alpn alone": {hosting.Input{Name: "@", Type: "HTTPS", Content: "1 . no-default-alpn"}, "beside alpn"},
		"a dohpath without its variable": {
			hosting.Input{Name: "_dns", Type: "SVCB", Content: "1 . dohpath=/x"}, "{?dns}",
		},
		"a place with a number too many": {
			hosting.Input{Name: "@", Type: "LOC", Content: "52 1 2 3 N 4 53 32 E 0m"}, "not the form",
		},
		"a place without a height": {
			hosting.Input{Name: "@", Type: "LOC", Content: "52 22 23 N 4 53 32 E"}, "not the form",
		},
		"a latitude beyond the pole": {
			hosting.Input{Name: "@", Type: "LOC", Content: "91 0 0 N 4 53 32 E 0m"}, "LOC Latitude",
		},
		"a place too exact": {
			hosting.Input{Name: "@", Type: "LOC", Content: "52 22 23.12345 N 4 53 32 E 0m"}, "not the form",
		},
		"a key that is cut":          {hosting.Input{Name: "x", Type: "OPENPGPKEY", Content: "AAA"}, "illegal base64"},
		"all names handed over":      {hosting.Input{Name: "*.x", Type: "NS", Content: "ns.example.net."}, "not all names"},
		"a target that is a pattern": {hosting.Input{Name: "a", Type: "CNAME", Content: "*.example.net"}, "without *"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := hosting.ParseRecord(zone, tc.in)
			var refusal *hosting.RefusedError
			require.ErrorAs(t, err, &refusal)
			assert.ErrorContains(t, err, tc.why)
		})
	}
}

// FuzzParseRecord holds names and targets that are taken against the form that the table demands.
func FuzzParseRecord(f *testing.F) {
	f.Add("www", "mail.example.org")
	f.Add("Bücher.", "a..")
	name := regexp.MustCompile(
		`^(@|(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*)$`,
	)
	f.Fuzz(func(t *testing.T, owner, target string) {
		got, err := hosting.ParseRecord(zone, hosting.Input{Name: owner, Type: "MX", Content: target})
		if err == nil {
			assert.Regexp(t, name, got.Name)
			assert.Regexp(t, `^\S+$`, got.Content)
		}
	})
}
