package stack

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/hosting"
)

func TestShownTo(t *testing.T) {
	t.Parallel()
	made, err := certificate.SelfSigned(certificate.Names{DNS: []string{"a.example.org", "*.example.net"}}, 24*time.Hour)
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(made.Certificate, made.Key)
	require.NoError(t, err)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	serial, till := pair.Leaf.SerialNumber.Text(16), pair.Leaf.NotAfter
	later := till.Add(time.Hour)
	at := secure.Listener.Addr().String()
	for name, tc := range map[string]struct {
		address string
		c       hosting.CertificateRow
		want    ServedData
	}{
		"the one of the table": {
			at,
			hosting.CertificateRow{Names: []string{"a.example.org"}, Serial: serial, NotAfter: &till},
			ServedData{Service: "web", Address: at, Serial: serial, Current: true},
		},
		"a wildcard": {
			at,
			hosting.CertificateRow{Names: []string{"*.example.net"}, Serial: serial, NotAfter: &till},
			ServedData{Service: "web", Address: at, Serial: serial, Current: true},
		},
		"the one before": {
			at,
			hosting.CertificateRow{Names: []string{"a.example.org"}, Serial: "1", NotAfter: &later},
			ServedData{Service: "web", Address: at, Serial: serial},
		},
		"it has none for the name": {
			at, hosting.CertificateRow{Names: []string{"b.example.org"}, Serial: serial, NotAfter: &till}, ServedData{},
		},
		"a port that speaks no TLS": {
			plain.Listener.Addr().String(), hosting.CertificateRow{Names: []string{"a.example.org"}}, ServedData{},
		},
		"a port where nobody listens": {gone.Addr().String(), hosting.CertificateRow{Names: []string{"a"}}, ServedData{
			Service: "web", Address: gone.Addr().String(),
			Problem: gone.Addr().String() + ": dial tcp " + gone.Addr().String() + ": connect: connection refused",
		}},
	} {
		assert.Equal(t, tc.want, shownTo(t.Context(), door{service: "web", address: tc.address}, tc.c), name)
	}
	assert.Equal(t, ServedData{Service: "web", Problem: "its container is paused"},
		shownTo(t.Context(), door{service: "web", problem: "its container is paused"}, hosting.CertificateRow{}))
}

func TestSummed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	in := func(days int) *time.Time { at := now.Add(time.Duration(days)*24*time.Hour + time.Hour); return &at }
	got := summed([]hosting.CertificateRow{
		{Directory: "a", Status: hosting.CertificateIssued, NotAfter: in(60)},
		{Directory: "b", Status: hosting.CertificateIssued, NotAfter: in(20)},
		{Directory: "c", Status: hosting.CertificateWanted},
		{Directory: "d", Status: hosting.CertificateRevoked, NotAfter: in(-3)},
		{Directory: "e", Status: hosting.CertificateIssued, NotAfter: in(-3), LastError: "no", Disabled: true},
	}, now)
	assert.Equal(t, "2 issued, 1 waiting", got.String())
	assert.Equal(t, "b ends first, in 20 days", got.more())
	got = summed([]hosting.CertificateRow{
		{Directory: "a", Status: hosting.CertificateIssued, NotAfter: in(-2)},
		{Directory: "b", Status: hosting.CertificateFailed, LastError: "no"},
	}, now)
	assert.Equal(t, "1 issued, 1 failed, 1 ended", got.String())
	assert.Equal(t, "a: it has ended", got.more())
	disabled := certificateData(hosting.CertificateRow{
		Domain: "a.example.org", Status: hosting.CertificateIssued, NotAfter: in(-3), LastError: "no", Disabled: true,
	}, now)
	assert.False(t, disabled.wrong())
	assert.Equal(t, "domain a.example.org is disabled: its certificate is not renewed; it has ended", disabled.more())
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	till := time.Now().Add(time.Hour)
	how, err := outcome([]hosting.CertificateRow{
		{Directory: "a", Status: hosting.CertificateIssued, Serial: "5", NotAfter: &till},
		{
			Directory: "b", Domain: "b.example.org", Status: hosting.CertificateFailed, LastError: "Domain: b; Detail: NXDOMAIN",
		},
	})
	require.ErrorContains(t, err, "b: Domain: b; Detail: NXDOMAIN; let each name lead to this server: mage dns:records "+
		"b.example.org; done are: a, serial 5")
	assert.Len(t, how.Data, 2)
	data := certificateData(hosting.CertificateRow{Status: hosting.CertificateIssued, Issuer: "CN=(STAGING) Pretend Pear"},
		time.Now())
	assert.Contains(t, data.more(), "set le_email for a real one")
}
