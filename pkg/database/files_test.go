package database_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
)

// selfSigned makes a certificate and its key, both PEM.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(k)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

func TestTarget_ClientFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := selfSigned(t)
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	certFile, keyFile, junk := write("c.pem", cert), write("k.pem", key), write("junk", []byte("junk"))
	locked := write("locked", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))

	t.Run("a target without certificates has none", func(t *testing.T) {
		t.Parallel()
		files, err := target(nil).ClientFiles()
		require.NoError(t, err)
		assert.Empty(t, files)
	})
	t.Run("the key becomes PKCS 8", func(t *testing.T) {
		t.Parallel()
		files, err := database.Target{SSLRootCert: certFile, SSLCert: certFile, SSLKey: keyFile}.ClientFiles()
		require.NoError(t, err)
		require.Len(t, files, 3)
		assert.Equal(t, database.ClientFile{Path: database.ClientRootCert, Content: cert}, files[0])
		assert.Equal(t, database.ClientFile{Path: database.ClientCert, Content: cert}, files[1])
		_, err = x509.ParsePKCS8PrivateKey(files[2].Content)
		assert.NoError(t, err)
	})
	for name, tc := range map[string]struct {
		target database.Target
		want   string
	}{
		"a missing root certificate": {database.Target{SSLRootCert: filepath.Join(dir, "none")}, "none"},
		"a root certificate of junk": {database.Target{SSLRootCert: junk}, "holds no PEM certificate"},
		"a missing certificate":      {database.Target{SSLCert: filepath.Join(dir, "none"), SSLKey: keyFile}, "read sslcert"},
		"a missing key":              {database.Target{SSLCert: certFile, SSLKey: filepath.Join(dir, "none")}, "read sslkey"},
		"a key that is encrypted":    {database.Target{SSLCert: certFile, SSLKey: locked}, "is encrypted"},
		"a key that is not one":      {database.Target{SSLCert: certFile, SSLKey: junk}, "not a certificate and its key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tc.target.ClientFiles()
			assert.ErrorContains(t, err, tc.want)
		})
	}
}
