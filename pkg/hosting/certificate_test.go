package hosting_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/hosting"
)

func TestParseNames(t *testing.T) {
	t.Parallel()
	got, err := hosting.ParseNames("Example.ORG, *.example.org,bücher.example.org,example.org.")
	require.NoError(t, err)
	assert.Equal(t, []string{"example.org", "*.example.org", "xn--bcher-kva.example.org"}, got)
	for _, text := range []string{
		"", "a.*.example.org", "*", "localhost", "a.example.org,,b.example.org", "https://example.org",
	} {
		_, err := hosting.ParseNames(text)
		assert.Error(t, err, text)
	}
}

func TestCertificate_remedy(t *testing.T) {
	t.Parallel()
	for text, remedy := range map[string]string{
		"Domain: a.example.org; Type: dns; Detail: DNS problem: SERVFAIL looking up CAA for example.org - the domain's " +
			"nameservers may be malfunctioning": "answer the question for CAA records",
		"Domain: a.example.org; Type: dns; Detail: DNS problem: NXDOMAIN looking up TXT for _acme-challenge.a.example.org " +
			"- check that a DNS record exists": "_acme-challenge of each name",
		"Domain: a.example.org; Type: dns; Detail: DNS problem: query timed out looking up AAAA for " +
			"a.example.org": "let each name lead",
		`Domain: a.example.org; Type: connection; Detail: Get "http://a.example.org/": could not resolve URL ` +
			`"http://a.example.org/"`: "let each name lead",
		"Domain: a.example.org; Type: connection; Detail: 192.0.2.1: Fetching http://a.example.org/x: Connection reset " +
			"by peer": "let port 80",
		"": "",
		"Domain: a.example.org; Type: dns; Detail: DNS problem: NXDOMAIN looking up A for " +
			"a.example.org": "let each name lead to this server: mage dns:records example.org",
		"Domain: a.example.org; Type: connection; Detail: 192.0.2.1: Connection " +
			"refused": "let port 80 of each name lead to the web server here",
		"Domain: a.example.org; Type: unauthorized; Detail: Invalid response from " +
			"http://a: 404": "another server answers at port 80",
		"requests.exceptions.SSLError: certificate verify failed: unable to get local issuer": "set acme.root",
		"There were too many requests of a given type :: see " +
			"https://letsencrypt.org/docs/rate-limits": "wait as long as the authority says",
		"requests.exceptions.ConnectionError: Max retries exceeded": "the authority is not reached",
		"deploy the certificate: permission denied":                 "look at the volume of the certificates",
		"something that nobody has foreseen":                        "",
	} {
		got := hosting.CertificateRow{Domain: "example.org", LastError: text}.Remedy()
		assert.Contains(t, got, remedy, text)
		assert.Equal(t, remedy == "", got == "", text)
	}
}

func TestCertificate_held(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tried := now.Add(-20 * time.Minute)
	assert.Nil(t, hosting.CertificateRow{TriedAt: &tried}.HeldUntil(now), "it was issued")
	assert.Equal(t, tried.Add(time.Hour), *hosting.CertificateRow{TriedAt: &tried, LastError: "no"}.HeldUntil(now))
	assert.Nil(t, hosting.CertificateRow{TriedAt: &tried, LastError: "no"}.HeldUntil(now.Add(time.Hour)))
	assert.Nil(t, hosting.CertificateRow{LastError: "no key yet"}.HeldUntil(now), "the authority was not asked")
}
