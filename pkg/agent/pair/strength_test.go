package pair_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/certificate"
)

// A certificate that OpenSSL refuses ends Apache at the next reload, with all its sites.
func TestStore_Refresh_refuses_what_servers_refuse(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // or Go would make no such key
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		key  crypto.Signer
		more []byte // behind the certificate
		says string
	}{
		"short": {short, nil, "certificate 1 of the chain has a key of 1024 bits only; RSA needs 2048"},
		"garbage": {
			good, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")}),
			"read certificate 2 of the chain: ",
		},
		"cut off":   {good, []byte("-----BEGIN CERTIFICATE-----\nMIIB"), "a certificate in it is cut off"},
		"other end": {good, []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END X-----\n"), "is cut off, or damaged"},
		"remarks":   {good, []byte("\n# subject=/CN=root -----BEGIN\r\n"), ""},
		"good":      {good, nil, ""},
	} {
		dir := t.TempDir()
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), DNSNames: []string{"a.example.org"},
			NotBefore: now().AddDate(0, 0, -1), NotAfter: now().AddDate(0, 0, 9),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, tc.key.Public(), tc.key)
		require.NoError(t, err)
		private, err := x509.MarshalPKCS8PrivateKey(tc.key)
		require.NoError(t, err)
		require.NoError(t, os.Mkdir(filepath.Join(dir, "a"), 0o755))
		chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), tc.more...)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a", certificate.ChainFile), chain, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a", certificate.KeyFile),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
		s := pair.NewStore(dir, "/standin", now)
		s.Refresh([]string{"a"})
		if tc.says == "" {
			assert.Equal(t, filepath.Join(dir, "a"), s.For("a.example.org"), name)
			continue
		}
		assert.Equal(t, "/standin", s.For("a.example.org"), name)
		require.Len(t, s.Warnings(), 1, name)
		assert.Contains(t, s.Warnings()[0], tc.says, name)
	}
}
