package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestHosting runs the targets that fill the tables, as docs/hosting.md has them and beyond.
func TestHosting(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		before := c.Mage(t, nil, "domain:list")
		assert.Equal(t, 5, before.Code)
		assert.Contains(t, before.Stderr, "run mage setup")
		c.OK(t, "db:start")
		before = c.Mage(t, nil, "domain:list")
		assert.Equal(t, 6, before.Code)
		assert.Contains(t, before.Stderr, "the database has no table domains")
		c.OK(t, "setup")
		hostedDomain(t, c)
		hostedCertificate(t, c)
		hostedRefusals(t, c)
		hostedEnd(t, c)
		c.OK(t, "down")
		stopped := c.Mage(t, nil, "domain:list")
		assert.Equal(t, 5, stopped.Code)
		assert.Contains(t, stopped.Stderr, "is not running; start it with: mage db:start")
	})
}

func hostedDomain(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	c.OK(t, "domain:add", "example.org", "-mail", "-web", "-dns")
	c.OK(t, "dns:records", "example.org", "-address=192.0.2.1", "-add")
	assert.Contains(t, c.OK(t, "dns:records", "example.org").Stdout, "0 issue letsencrypt.org")
	other := c.Mage(t, []string{"ACME_DIRECTORY=https://acme.example.net/directory"}, "dns:records", "example.org")
	assert.NotContains(t, other.Stdout, "letsencrypt.org", "it would shut that authority out")
	made := strings.TrimSuffix(c.OK(t, "account:add", "ada@example.org", "-generate").Stdout, "\n")
	assert.Regexp(t, `^[a-z2-7-]{23}$`, made, "the password, alone")
	c.OK(t, "alias:add", "sales@example.org", "ada@example.org")
	assert.Equal(t, "nothing is wrong in the tables\n", c.OK(t, "dns:check").Stdout)
	said := c.OK(t, "dns:add", "example.org", "@", "MX", "20 mail.example.net")
	assert.Contains(t, said.Stdout+said.Stderr, "mail.example.net is kept as mail.example.net. with a dot at its end")

	conn := connect(t, c.URL(t))
	var hash string
	require.NoError(t, conn.QueryRow(t.Context(), `select password_hash from accounts`).Scan(&hash))
	assert.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte(made)))
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("from-a-file\n"), 0o600))
	c.OK(t, "account:password", "ada@example.org", "-passwordFile="+file)
	require.NoError(t, conn.QueryRow(t.Context(), `select password_hash from accounts`).Scan(&hash))
	assert.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte("from-a-file")))
	require.NoError(t, os.WriteFile(file, []byte("a\n"), 0o600))
	short := c.Mage(t, nil, "account:password", "ada@example.org", "-passwordFile="+file)
	assert.Equal(t, 2, short.Code)
	assert.Contains(t, short.Stderr, "the password has 1 characters, and needs at least 8", "no letter of it is masked")

	cmd := c.Command(t.Context(), nil, "account:add", "Bob@EXAMPLE.org", "-quota=1GiB", "-name=Bob")
	cmd.Stdin = strings.NewReader("from-standard-input\n")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "Bob@EXAMPLE.org is kept as bob@example.org: sign in as that")
	logs, err := filepath.Glob(filepath.Join(c.Dir, "logs", "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, logs)
	for _, log := range logs {
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		for _, password := range []string{made, "from-a-file", "from-standard-input"} {
			assert.NotContains(t, string(text), password, log)
		}
	}
	r := c.Mage(t, asked(), "account:list", "-of=example.org")
	require.Zero(t, r.Code)
	list, err := json.Marshal(read(t, r.Stdout)[0].Result)
	require.NoError(t, err)
	assert.JSONEq(t, `[{"address":"ada@example.org","name":"","quota_bytes":0,"enabled":true},
		{"address":"bob@example.org","name":"Bob","quota_bytes":1073741824,"enabled":true}]`, string(list))
}

// hostedCertificate asks for one while nobody is there who has certificates issued.
func hostedCertificate(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	said := c.OK(t, "certificates:issue", "example.org").Stderr
	assert.Contains(t, said, "asked for example.org")
	assert.Contains(t, said,
		"nobody is connected who has certificates issued; start who does with: mage services:start -of=certbot")
	c.OK(t, "dns:add", "example.org", "_acme-challenge", "CNAME", "x.acme.example.net.")
	assert.Contains(t, c.OK(t, "certificates:issue", "example.org", "-names=*.example.org,Example.ORG").Stderr,
		"_acme-challenge.example.org cannot be shown to the authority: record _acme-challenge CNAME x.acme.example.net. is "+
			"in the way; remove it with: mage dns:remove example.org _acme-challenge CNAME")
	c.OK(t, "dns:remove", "example.org", "_acme-challenge", "CNAME", "-yes")
	r := c.Mage(t, asked(), "certificates:status")
	require.Zero(t, r.Code)
	list, err := json.Marshal(read(t, r.Stdout)[0].Result)
	require.NoError(t, err)
	assert.JSONEq(t,
		`[{"name":"example.org","domain":"example.org","names":["*.example.org","example.org"],"status":"wanted",
		"challenge":"dns-01","issuer":"","serial":"","not_before":null,"not_after":null,"days_left":null,"tried_at":null,
		"next_try":null,"last_error":"","remedy":"","revoked_at":null,"served":[]}]`, string(list))
	assert.Contains(t, c.OK(t, "status").Stdout, "1 waiting")
	_, err = connect(t, c.URL(t)).Exec(t.Context(), `update certificates set status = 'failed', tried_at = now(),
		wanted_at = null, last_error = 'Domain: example.org; Type: dns; ' ||
		'Detail: DNS problem: NXDOMAIN looking up TXT for _acme-challenge.example.org'`)
	require.NoError(t, err)
	failed := c.Mage(t, nil, "certificates:status")
	assert.Equal(t, 1, failed.Code)
	assert.Contains(t, failed.Stdout,
		"let the name server here be asked for _acme-challenge of each name: mage dns:records example.org")
	assert.Contains(t, c.Mage(t, nil, "doctor").Stdout, "1 failed")
	c.OK(t, "report")
	page, err := os.ReadFile(filepath.Join(c.Dir, "logs", "report.html"))
	require.NoError(t, err)
	for _, text := range []string{
		"mail, web, dns", "*.example.org, example.org",
		"let the name server here be asked for _acme-challenge of each name: mage dns:records example.org",
	} {
		assert.Contains(t, string(page), text)
	}
}

func hostedRefusals(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	for _, tc := range []struct {
		args []string
		why  string
	}{
		{[]string{"domain:add", "EXAMPLE.org"}, "domain example.org is there already"},
		{[]string{"account:add", "jörg@example.org", "-generate"}, "before the @ only letters a to z"},
		{[]string{"account:add", "ADA@example.org", "-generate"}, "account ada@example.org is there already"},
		{[]string{"account:add", "eve@example.org"}, "no password came on standard input"},
		{[]string{"account:add", "eve@example.org", "-quota=much"}, "-quota=much is no size"},
		{[]string{"alias:add", "x@example.org", "x@example.org"}, "in a circle"},
		{
			[]string{"dns:add", "example.org", "ftp.example.org", "A", "192.0.2.3"}, "the name ftp.example.org repeats the zone",
		},
		{[]string{"dns:add", "example.org", "@", "MX", "192.0.2.1"}, "is an address"},
		{[]string{"dns:zone", "-ns=ns1.example.org"}, "give its name as -add=NAME"},
		{[]string{"certificates:renew"}, "as it shuts out who asks more often"},
		{[]string{"certificates:issue", "example.org"}, "as it shuts out who asks more often"},
		{
			[]string{"certificates:issue", "example.org", "-names=*.example.org", "-challenge=http-01"},
			"a wildcard is only issued",
		},
		{
			[]string{"certificates:issue", "example.org", "-names=www.example.com"},
			"www.example.com is in no domain that is served here",
		},
		{[]string{"certificates:issue", "example.org", "-challenge=tls"}, `there is no challenge "tls"`},
		{[]string{"certificates:issue", "example.com"}, "there is no domain example.com"},
		{[]string{"certificates:status", "-of=example.com"}, "there is no certificate example.com"},
		{[]string{"certificates:revoke", "example.org"}, "there is no terminal to ask on"},
		{[]string{"account:remove", "bob@example.org"}, "there is no terminal to ask on"},
		{[]string{"domain:remove", "example.org", "-yes"}, "account ada@example.org"},
	} {
		r := c.Mage(t, nil, tc.args...)
		assert.Equal(t, 2, r.Code, "%v", tc.args)
		assert.Contains(t, r.Stderr, tc.why, "%v", tc.args)
	}
}

func hostedEnd(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	c.OK(t, "dns:add", "example.org", "ftp.example.org", "A", "192.0.2.3", "-yes")
	r := c.Mage(t, asked(), "dns:check", "-of=example.org")
	assert.Equal(t, 1, r.Code)
	assert.Contains(t, r.Stdout, `"server":null`)
	assert.Contains(t, r.Stdout, `"state":"tables"`)
	read(t, r.Stdout)
	r = c.Mage(t, nil, "dns:check", "-of=example.org")
	assert.Equal(t, 1, r.Code)
	assert.Contains(t, r.Stdout, "its name repeats the zone")
	c.OK(t, "dns:remove", "example.org", "ftp.example.org", "A", "-yes")
	c.OK(t, "account:disable", "ada@example.org", "account:enable",
		"ada@example.org", "account:remove", "bob@example.org", "-yes")
	assert.Contains(t, c.OK(t, "domain:disable", "example.org").Stderr, "domain example.org is disabled")
	assert.Contains(t, c.OK(t, "domain:enable", "EXAMPLE.org").Stderr, "domain example.org is enabled")
	c.OK(t, "alias:list", "alias:remove", "sales@example.org", "-yes", "dns:list", "-of=example.org")
	c.OK(t, "domain:remove", "example.org", "-all", "-yes")
	assert.Contains(t, c.OK(t, "dns:zone", "-add=example.org", "-ns=ns1.example.org,ns2.example.net").Stderr,
		"ns1.example.org has no address yet")
	c.OK(t, "dns:zone", "-remove=example.org", "-yes")
	assert.Equal(t, "there is none\n", c.OK(t, "domain:list").Stdout)
}
