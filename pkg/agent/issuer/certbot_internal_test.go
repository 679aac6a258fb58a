package issuer

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/rows"
)

// issuerIn works in directories of its own.
func issuerIn(t *testing.T) *Issuer {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"certs", "run"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	return &Issuer{
		Paths: Paths{
			Certificates: filepath.Join(dir, "certs"), State: filepath.Join(dir, "state"), Webroot: "/srv/acme",
			Run:     filepath.Join(dir, "run"),
			NameKey: filepath.Join(dir, "acme.key"), Program: "/usr/bin/certbot", Roots: filepath.Join(dir, "roots"),
		},
		Log: slog.New(slog.DiscardHandler), known: map[int64]memory{},
	}
}

const nameKey = `key "acme" {
	algorithm hmac-sha256;
	secret "c2VjcmV0IG9mIHRoZSBuYW1lIHNlcnZlcg==";
};
`

func TestArguments(t *testing.T) {
	t.Parallel()
	i := issuerIn(t)
	i.Options.Email = "admin@example.org"
	s := scene{
		row:    row{Names: []string{"a.example.org", "www.a.example.org"}, Challenge: "http-01", Directory: "a"},
		server: "https://ca/dir",
	}
	argv, err := i.arguments(t.Context(), s, settings{})
	require.NoError(t, err)
	text := strings.Join(argv, " ")
	assert.Contains(t, text, "/usr/bin/certbot certonly --non-interactive --cert-name a --server https://ca/dir ")
	assert.Contains(t, text, "--email admin@example.org --key-type ecdsa --reuse-key --webroot --webroot-path /srv/acme "+
		"--domain a.example.org --domain www.a.example.org")

	for _, tc := range []struct {
		have x509.PublicKeyAlgorithm
		rsa  bool
		want string
	}{
		{x509.ECDSA, false, "--key-type ecdsa --reuse-key --webroot "},
		{x509.ECDSA, true, "--key-type rsa --reuse-key --new-key --webroot "},
		{x509.RSA, true, "--key-type rsa --reuse-key --webroot "},
		{x509.RSA, false, "--key-type ecdsa --reuse-key --new-key --webroot "},
	} {
		s.have.leaf = &x509.Certificate{PublicKeyAlgorithm: tc.have}
		argv, err := i.arguments(t.Context(), s, settings{rsa: tc.rsa})
		require.NoError(t, err)
		assert.Contains(t, strings.Join(argv, " "), tc.want)
	}
	s.have.leaf = nil
	s.row.Names = []string{"www.example.org", "*.example.org", "example.org", "a.b.example.org"}
	argv, err = i.arguments(t.Context(), s, settings{})
	require.NoError(t, err)
	assert.Contains(t, strings.Join(argv, " "),
		"/srv/acme --domain *.example.org --domain example.org --domain a.b.example.org")

	s.row.Challenge, s.row.Names = challengeDNS, []string{"example.org", "*.example.org"}
	set := settings{propagation: 7, nameServer: "127.0.0.1", newKeys: true, rsa: true}
	_, err = i.arguments(t.Context(), s, set)
	require.ErrorContains(t, err, "read the key of the name server")
	require.NoError(t, os.WriteFile(i.Paths.NameKey, []byte(nameKey), 0o600))
	argv, err = i.arguments(t.Context(), s, set)
	require.NoError(t, err)
	text = strings.Join(argv, " ")
	assert.Contains(t, text, "--key-type rsa --new-key --dns-rfc2136 --dns-rfc2136-credentials "+i.Paths.Run+
		"/rfc2136.ini --dns-rfc2136-propagation-seconds 7")
	assert.NotContains(t, text, "c2VjcmV0", "no secret is an argument")
	credentials, err := os.ReadFile(i.Paths.Run + "/rfc2136.ini")
	require.NoError(t, err)
	assert.Equal(t, `dns_rfc2136_server = 127.0.0.1
dns_rfc2136_port = 5353
dns_rfc2136_name = acme
dns_rfc2136_secret = c2VjcmV0IG9mIHRoZSBuYW1lIHNlcnZlcg==
dns_rfc2136_algorithm = HMAC-SHA256
`, string(credentials))
	info, err := os.Stat(i.Paths.Run + "/rfc2136.ini")
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestParseKey_refuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "key {", `key "a" { algorithm hmac-sha256; };`, "key \"a\nb\" { algorithm x; " +
		"secret \"y\"; };"} {
		_, err := parseKey(text)
		assert.Error(t, err, text)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	mail := Options{Email: "admin@example.de"}
	for name, tc := range map[string]struct {
		o     Options
		names []string
		want  string
	}{
		"no address":                  {Options{}, []string{"example.de"}, staging},
		"a public name":               {mail, []string{"example.de", "*.example.de"}, production},
		"below a private suffix":      {mail, []string{"me.github.io"}, production},
		"one that is not public":      {mail, []string{"example.de", "mail.internal"}, staging},
		"an example":                  {mail, []string{"www.example.org"}, staging},
		"a suffix itself":             {mail, []string{"co.uk"}, staging},
		"an authority of one's own":   {Options{Directory: "https://ca/dir"}, []string{"mail.internal"}, "https://ca/dir"},
		"a name that nobody can have": {mail, []string{"x.test"}, staging},
	} {
		assert.Equal(t, tc.want, tc.o.Server(tc.names), name)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t,
		"Domain: shop.a.example.org; Type: dns; Detail: DNS problem: NXDOMAIN looking up A for shop.a.example.org", words(`
Saving debug log to /var/lib/certbot/logs/letsencrypt.log
Requesting a certificate for a.example.org and shop.a.example.org

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: shop.a.example.org
  Type:   dns
  Detail: DNS problem: NXDOMAIN looking up A for shop.a.example.org

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot. `+
			`Ensure that the listed domains serve their content from the provided --webroot-path/-w `+
			`and that files created there can be downloaded from the internet.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org. `+
			`See the logfile /var/lib/certbot/logs/letsencrypt.log or re-run Certbot with -v for more details.
`))
	assert.Equal(t, "Error creating new order :: too many certificates already issued", words("An unexpected error "+
		"occurred:\nError creating new order :: too many certificates already issued\n"+
		"Ask for help or search for solutions\n"))
	assert.Equal(t, "certbot has ended without a word", words("\n"))
	assert.LessOrEqual(t, len(words(strings.Repeat("ä", 4000))), 2003)
}

// TestUnhidden has the output and the log of certbot 2.1 with Python 3.11 when an authority has refused an order.
func TestUnhidden(t *testing.T) {
	t.Parallel()
	i := issuerIn(t)
	hidden := words("An unexpected error occurred:\nAttributeError: can't set attribute\n")
	assert.Equal(t, hidden, i.unhidden(hidden), "there is no log")
	require.NoError(t, os.MkdirAll(filepath.Join(i.Paths.State, "logs"), 0o700))
	require.NoError(t,
		os.WriteFile(filepath.Join(i.Paths.State, "logs", "letsencrypt.log"), []byte(`Traceback (most recent call last):
acme.messages.Error: urn:ietf:params:acme:error:rateLimited :: There were too many requests of a given type :: `+
			`too many certificates
During handling of the above exception, another exception occurred:
    raise AttributeError("can't set attribute")
AttributeError: can't set attribute
`), 0o600))
	assert.Equal(t,
		"urn:ietf:params:acme:error:rateLimited :: There were too many requests of a given type :: too many certificates",
		i.unhidden(hidden))
	assert.Equal(t, "something else", i.unhidden("something else"))
}

func TestStore_forget(t *testing.T) {
	t.Parallel()
	s := store{t.TempDir()}
	account := filepath.Join(s.dir, "accounts", "ca.example.org:14000", "dir", "7f")
	require.NoError(t, os.MkdirAll(account, 0o700))
	require.Error(t, s.forget("https://../.."))
	require.NoError(t, s.forget("https://ca.example.org:14000/dir"))
	assert.NoDirExists(t, account)
}

func TestRead(t *testing.T) {
	t.Parallel()
	set := rows.Set{
		"certificates": {{
			Key: "a",
			Raw: []byte(`{"id": 7, "names": ["a.example.org"], "status": "wanted", "challenge": "http-01", "directory": "a",
			"last_error": "", "wanted_at": "2026-01-02T03:04:05.678901+00:00", "tried_at": null, "enabled": true}`),
		}},
		"services": {{Key: "bind", Raw: []byte(`{"host": "ns.example.org"}`)}},
		"settings": {
			{Key: "dns_propagation", Raw: []byte(`{"value": 30}`)},
			{Key: "key_type", Raw: []byte(`{"value": "dsa"}`)},
			{Key: "new_keys", Raw: []byte(`{"value": true}`)},
			{Key: "hsts", Raw: []byte(`{"value": 10, "service": null}`)},
			{Key: "keytype", Raw: []byte(`{"value": "rsa", "service": "certbot"}`)},
		},
	}
	got, wrong, err := read(set)
	require.NoError(t, err)
	assert.Equal(t, settings{propagation: 30, newKeys: true, nameServer: "ns.example.org"}, got.settings)
	assert.Equal(t, []string{
		`setting key_type: "dsa" is neither "rsa" nor "ecdsa"`,
		`setting keytype: certbot has no setting of that name; known are dns_propagation, new_keys, key_type`,
	}, wrong)
	assert.Equal(t, 678901000, got.rows[0].WantedAt.Nanosecond())
}

func TestUsable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"-x.example.org", "a,b.example.org", "a b.example.org", "*",
		"localhost", "a.*.example.org", "a.example.org\n", "../x.y",
	} {
		assert.Error(t, row{Names: []string{name}, Challenge: challengeDNS}.usable(), name)
	}
	assert.NoError(t, row{Names: []string{"*.example.org", "xn--bcher-kva.example.org"}, Challenge: challengeDNS}.usable())
	assert.Error(t, row{Names: []string{"*.example.org"}, Challenge: "http-01"}.usable())
}

func TestAddressOf(t *testing.T) {
	t.Parallel()
	late := &net.DNSError{Name: "bind", Err: "i/o timeout", IsTimeout: true}
	none := &net.DNSError{Name: "bind", Err: "no such host", IsNotFound: true}
	for name, tc := range map[string]struct {
		answers []error
		want    string
	}{
		"at once":            {[]error{nil}, "192.0.2.1"},
		"after one too late": {[]error{late, nil}, "192.0.2.1"},
		"there is none":      {[]error{none, nil}, ""},
	} {
		asked := 0
		got, err := addressOf(t.Context(), "bind", func(context.Context, string) ([]string, error) {
			asked++
			return []string{"192.0.2.1"}, tc.answers[asked-1]
		})
		assert.Equal(t, tc.want, got, name)
		if tc.want == "" {
			assert.Same(t, tc.answers[0], err, name)
		}
	}
}
