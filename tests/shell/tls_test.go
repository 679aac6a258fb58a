package shell_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// certify puts a key and its certificate into a directory of the stage.
func (s *stage) certify(dir string) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(s.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(s.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(s.t, err)
	s.write(dir+"/fullchain.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	s.write(dir+"/privkey.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func TestTLS_Start(t *testing.T) {
	s := newStage(t)
	s.certify("certs")
	got := s.script("entrypoint.sh", app())
	require.Zero(t, got.code, got.stderr)
	own := s.path("run/tls/")
	assert.Equal(t,
		"server <-c> <ssl=on> <-c> <ssl_cert_file="+own+"/fullchain.pem> <-c> <ssl_key_file="+own+"/privkey.pem>",
		line(got.stdout, "server"))
	assert.Equal(t, s.read("certs/privkey.pem"), s.read("run/tls/privkey.pem"))
	info, err := os.Stat(s.path("run/tls/privkey.pem"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestTLS_Refusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*stage)
		says   string
	}{
		{
			"a key without its certificate", func(s *stage) { _ = os.Remove(s.path("certs/fullchain.pem")) },
			"holds privkey.pem but no fullchain.pem",
		},
		{
			"a certificate without its key", func(s *stage) { _ = os.Remove(s.path("certs/privkey.pem")) },
			"holds fullchain.pem but no privkey.pem",
		},
		{"the key of another certificate", func(s *stage) {
			s.certify("other")
			s.write("certs/privkey.pem", s.read("other/privkey.pem"))
		}, "is not the certificate of"},
		{
			"something else than a key", func(s *stage) { s.write("certs/privkey.pem", "no key") },
			"is not a private key without a pass phrase",
		},
		{"a key that may not be read", func(s *stage) { _ = os.Chmod(s.path("certs/privkey.pem"), 0) }, "may not read"},
		{"a directory that may not be entered", func(s *stage) { _ = os.Chmod(s.path("certs"), 0o600) }, "--group-add 9999"},
	} {
		t.Run(test.name+" is refused", func(t *testing.T) {
			s := newStage(t)
			s.certify("certs")
			test.change(s)
			got := s.script("entrypoint.sh", app())
			assert.Equal(t, 66, got.code, got.stderr)
			assert.Contains(t, got.stderr, test.says)
			assert.NotContains(t, s.entries("volume"), ".calls", "no program is run")
		})
	}
}

func TestReloadCertificates(t *testing.T) {
	s := newStage(t)
	s.certify("certs")
	require.Equal(t, 78, s.script("reload-certificates.sh", nil).code, "there is no server with TLS")
	require.Zero(t, s.script("entrypoint.sh", app()).code)
	old := s.read("run/tls/fullchain.pem")
	s.calls()

	s.certify("certs")
	got := s.script("reload-certificates.sh", nil)
	require.Zero(t, got.code, got.stderr)
	assert.NotEqual(t, old, s.read("run/tls/fullchain.pem"))
	assert.Equal(t, "pg_ctl <--pgdata="+s.path("volume/data")+"> <reload>\n", s.calls())

	good := s.read("run/tls/privkey.pem")
	s.write("certs/privkey.pem", "half a fi")
	got = s.script("reload-certificates.sh", nil)
	assert.Equal(t, 66, got.code)
	assert.Equal(t, good, s.read("run/tls/privkey.pem"), "the server keeps what it has")
	assert.Empty(t, s.calls())
}
