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

func TestParseRecord(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ name, kind, content, want, note string }{
		"an address":                 {"www", "a", "192.0.2.1", "www A 192.0.2.1", ""},
		"an IPv6 address":            {"www", "AAAA", "2001:DB8:0::1", "www AAAA 2001:db8::1", ""},
		"a name in full":             {"www.example.org.", "A", "192.0.2.1", "www A 192.0.2.1", ""},
		"the zone itself":            {"example.org.", "A", "192.0.2.1", "@ A 192.0.2.1", ""},
		"foreign letters":            {"Bücher", "A", "192.0.2.1", "xn--bcher-kva A 192.0.2.1", "is kept as xn--bcher-kva"},
		"a wildcard":                 {"*", "A", "192.0.2.1", "* A 192.0.2.1", ""},
		"MX with priority in front":  {"@", "MX", "10 mail.example.org", "@ MX 10 mail.example.org.", "with a dot at its end"},
		"MX with its dot":            {"@", "MX", "5 mail.example.org.", "@ MX 5 mail.example.org.", ""},
		"MX of a name of the zone":   {"@", "MX", "10 mail", "@ MX 10 mail", "mail means mail.example.org"},
		"MX without priority":        {"@", "MX", "mail.example.org.", "@ MX 10 mail.example.org.", "it is 10"},
		"no mail at all":             {"@", "MX", "0 .", "@ MX 0 .", ""},
		"SRV without priority":       {"_imaps._tcp", "SRV", "1 993 mail.example.org", "_imaps._tcp SRV 0 1 993 mail.example.org.", "it is 0"},
		"SRV":                        {"_imaps._tcp", "SRV", "5 1 993 mail.example.org.", "_imaps._tcp SRV 5 1 993 mail.example.org.", ""},
		"a CNAME elsewhere":          {"www", "CNAME", "host.example.net", "www CNAME host.example.net.", "host.example.net.example.org"},
		"a CNAME of the zone itself": {"www", "CNAME", "@", "www CNAME example.org.", ""},
		"text":                       {"@", "TXT", "v=spf1 mx -all", "@ TXT v=spf1 mx -all", ""},
		"text in quotes":             {"@", "TXT", `"v=spf1 -all"`, "@ TXT v=spf1 -all", "quotes"},
		"text with quotes within":    {"q", "TXT", `say "hi"; c:\temp`, `q TXT say "hi"; c:\temp`, ""},
		"CAA":                        {"@", "CAA", `0 issue "letsencrypt.org"`, "@ CAA 0 issue letsencrypt.org", "quotes"},
		"TLSA":                       {"_25._tcp.mail", "TLSA", "3 1 1  ab12", "_25._tcp.mail TLSA 3 1 1 ab12", ""},
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

func TestParseRecord_doubts(t *testing.T) {
	t.Parallel()
	for typed, meant := range map[string]string{"ftp.example.org": "write ftp,", "example.org": "write @,", "FTP.Example.ORG": "write ftp,"} {
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
		"an address as MX":           {hosting.Input{Name: "@", Type: "MX", Content: "10 192.0.2.1"}, "is an address, and MX records point to a name"},
		"an address with a dot":      {hosting.Input{Name: "@", Type: "MX", Content: "192.0.2.1."}, "is an address"},
		"an IPv6 address as MX":      {hosting.Input{Name: "@", Type: "MX", Content: "[2001:db8::1]"}, "is an address"},
		"dots beside each other":     {hosting.Input{Name: "@", Type: "MX", Content: "a.."}, "a part that is empty"},
		"such a name":                {hosting.Input{Name: "a..", Type: "A", Content: "192.0.2.1"}, "a part that is empty"},
		"IPv6 as A":                  {hosting.Input{Name: "a", Type: "A", Content: "2001:db8::1"}, "take the type AAAA"},
		"IPv4 as AAAA":               {hosting.Input{Name: "a", Type: "AAAA", Content: "192.0.2.1"}, "take the type A"},
		"a name as A":                {hosting.Input{Name: "a", Type: "A", Content: "example.net"}, "take the type CNAME"},
		"an unknown type":            {hosting.Input{Name: "a", Type: "CNAM", Content: "x"}, "did you mean CNAME?"},
		"SOA":                        {hosting.Input{Name: "@", Type: "SOA", Content: "x"}, "the zone's own"},
		"another zone":               {hosting.Input{Name: "www.example.net.", Type: "A", Content: "192.0.2.1"}, "is not in zone"},
		"a CNAME of the zone":        {hosting.Input{Name: "@", Type: "CNAME", Content: "x"}, "can be no CNAME"},
		"a * in the middle":          {hosting.Input{Name: "a.*.b", Type: "A", Content: "192.0.2.1"}, "whole first part"},
		"an underscore of a host":    {hosting.Input{Name: "a_b", Type: "A", Content: "192.0.2.1"}, "no underscore"},
		"a target with underscore":   {hosting.Input{Name: "@", Type: "MX", Content: "a_b.example.org"}, "no underscore"},
		"text of two lines":          {hosting.Input{Name: "n", Type: "TXT", Content: "one\nevil A 192.0.2.66"}, "the end of a line"},
		"no text":                    {hosting.Input{Name: "n", Type: "TXT", Content: " "}, "without content"},
		"a priority of A":            {hosting.Input{Name: "a", Type: "A", Content: "192.0.2.1", Priority: &some}, "have no priority"},
		"two priorities":             {hosting.Input{Name: "@", Type: "MX", Content: "10 mail", Priority: &some}, "give it once"},
		"a port that is none":        {hosting.Input{Name: "_a._tcp", Type: "SRV", Content: "0 0 70000 mail"}, "between 0 and 65535"},
		"an SRV of one word":         {hosting.Input{Name: "_a._tcp", Type: "SRV", Content: "mail"}, "priority, weight, port, name"},
		"a CAA of one word":          {hosting.Input{Name: "@", Type: "CAA", Content: "letsencrypt.org"}, "0 issue letsencrypt.org"},
		"a TLSA without hex":         {hosting.Input{Name: "_25._tcp", Type: "TLSA", Content: "3 1 1 xyz"}, "3 1 1 and a digest"},
		"a part that is too long":    {hosting.Input{Name: strings.Repeat("a", 64), Type: "A", Content: "192.0.2.1"}, "more than 63"},
		"a name that is too long":    {hosting.Input{Name: strings.Repeat("a.", 122) + "a", Type: "A", Content: "192.0.2.1"}, "too long"},
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
	name := regexp.MustCompile(`^(@|(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*)$`)
	f.Fuzz(func(t *testing.T, owner, target string) {
		got, err := hosting.ParseRecord(zone, hosting.Input{Name: owner, Type: "MX", Content: target})
		if err == nil {
			assert.Regexp(t, name, got.Name)
			assert.Regexp(t, `^\S+$`, got.Content)
		}
	})
}
