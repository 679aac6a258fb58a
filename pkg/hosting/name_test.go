package hosting_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/hosting"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseDomain(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"example.org": "example.org", "EXAMPLE.Org": "example.org", "example.org.": "example.org",
		" example.org ":      "example.org",
		"Bücher.Example.ORG": "xn--bcher-kva.example.org", "BÜCHER.example": "xn--bcher-kva.example",
		"bu\u0308cher.example": "xn--bcher-kva.example", "xn--bcher-kva.example": "xn--bcher-kva.example",
		"straße.example": "xn--strae-oqa.example",
		"例え。テスト":         "xn--r8jz45g.xn--zckzah", "2.0.192.in-addr.arpa": "2.0.192.in-addr.arpa",
		strings.Repeat("a", 63) + ".example": strings.Repeat("a", 63) + ".example",
	} {
		got, err := hosting.ParseDomain(typed)
		require.NoError(t, err, typed)
		assert.Equal(t, want, string(got), typed)
		assert.Equal(t, want != typed, got.Kept(typed) != "", typed)
	}
	assert.Equal(t, "bücher.example", hosting.Domain("xn--bcher-kva.example").Unicode())
}

func TestParseDomain_refuses(t *testing.T) {
	t.Parallel()
	for typed, why := range map[string]string{
		"": "there is no name", ".": "there is no name", "localhost": "only one part", "https://example.org/": "web address",
		"ada@example.org": "mail address", "*.example.org": "has a *", "192.0.2.1": "is an address",
		"2001:db8::1":   "is an address",
		"[2001:db8::1]": "is an address", "a..example.org": "a part that is empty", ".example.org": "a part that is empty",
		"example.org..": "a part that is empty",
		"exa mple.org":  "has a space", "_dmarc.example.org": "underscore", "-a.example.org": "hyphen",
		"a-.example.org":     "hyphen",
		"ab--cd.example.org": "hyphens in the third and fourth place", "example.123": "ends in a number",
		"exa/mple.org":      "a character that no name may have",
		"xn--a.example.org": "is no name that DNS knows", strings.Repeat("a", 64) + ".example": "a part of 64 characters",
		strings.Repeat("a.", 126) + "example": "is too long",
	} {
		_, err := hosting.ParseDomain(typed)
		var refusal *hosting.RefusedError
		require.ErrorAs(t, err, &refusal, typed)
		assert.ErrorContains(t, err, why, typed)
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"ada@example.org": "ada@example.org", "Ada@BÜCHER.example": "ada@xn--bcher-kva.example",
		"a.b-c_d@example.org": "a.b-c_d@example.org",
	} {
		got, err := hosting.ParseAddress(typed)
		require.NoError(t, err, typed)
		assert.Equal(t, want, got.String())
	}
	for typed, why := range map[string]string{
		"ada": "there is no @", "@example.org": "nothing stands before the @", "ada@": "nothing stands behind the @",
		"ada@localhost":       "only one part",
		"jörg@bücher.example": "not 'ö'", "İ@example.org": "not 'İ'", "\u212a@example.org": "letters a to z",
		"a b@example.org": "only letters a to z", ".a@example.org": "a dot stands between",
		"a..b@example.org": "a dot stands between",
		"a@b@example.org":  "more than one @", "ada+x@example.org": "its mail goes to ada@example.org",
		"+x@example.org":                         "nothing stands before the +",
		"*@example.org":                          "alias:add",
		strings.Repeat("a", 65) + "@example.org": "65 characters",
	} {
		_, err := hosting.ParseAddress(typed)
		var refusal *hosting.RefusedError
		require.ErrorAs(t, err, &refusal, typed)
		assert.ErrorContains(t, err, why, typed)
	}
	all, err := hosting.ParseAlias("*@Example.org")
	require.NoError(t, err)
	assert.Equal(t, "*@example.org", all.String())
	elsewhere, err := hosting.ParseDestination("Ada+Tag@Example.NET")
	require.NoError(t, err)
	assert.Equal(t, "Ada+Tag@example.net", elsewhere.String(), "what stands before the @ is another server's")
	_, err = hosting.ParseDestination("*@example.org")
	assert.ErrorContains(t, err, "to one address")
}

// FuzzParseDomain holds what is taken against the form that the table demands.
func FuzzParseDomain(f *testing.F) {
	for _, seed := range []string{
		"example.org", "Bücher.Example.ORG", "a..b", "。", "xn--a",
		"ß.example", "\u00ad.example", "a\u200db.example", "1.2.3.4",
	} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$`)
	f.Fuzz(func(t *testing.T, typed string) {
		name, err := hosting.ParseDomain(typed)
		if err != nil {
			var refusal *hosting.RefusedError
			require.ErrorAs(t, err, &refusal)
			return
		}
		assert.Regexp(t, form, string(name))
		assert.LessOrEqual(t, len(name), 253)
		again, err := hosting.ParseDomain(string(name))
		require.NoError(t, err)
		assert.Equal(t, name, again)
	})
}

// FuzzParseAddress holds what is taken against the form that the table demands.
func FuzzParseAddress(f *testing.F) {
	f.Add("Ada@Bücher.example")
	f.Add("K@example.org") // the Kelvin sign, whose lower case is an ASCII k
	form := regexp.MustCompile("^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
	f.Fuzz(func(t *testing.T, typed string) {
		address, err := hosting.ParseAddress(typed)
		if err == nil {
			assert.Regexp(t, form, address.Local)
			assert.LessOrEqual(t, len(address.Local), 64)
		}
	})
}

func TestZoneOptions_Lacks(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"ns1.example.org has no address yet; add one with: mage dns:add example.org ns1 A ADDRESS"},
		hosting.ZoneOptions{Name: "example.org"}.Lacks())
	assert.Len(t,
		hosting.ZoneOptions{Name: "example.org", Servers: []hosting.Domain{"a.example.org", "ns.example.net"}}.Lacks(), 1,
		"a server elsewhere has its address there")
	assert.Empty(t,
		hosting.ZoneOptions{Name: "example.org", Primaries: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}.Lacks())
}
