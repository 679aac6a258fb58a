package pair

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// standInFor is how long a pair lasts that stands in for a missing one; it is made anew when less than half is left.
const standInFor = 2 * 365 * 24 * time.Hour

// StandIn makes sure that dir holds a pair that servers can start with: self-signed, for no name at all, so that nobody
// takes it for the certificate of a site.
func StandIn(dir string, now time.Time) error {
	if leaf, err := readOnce(dir); err == nil && now.Add(standInFor/2).Before(leaf.NotAfter) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the pair that stands in: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fmt.Errorf("make the pair that stands in: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "no certificate yet"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(standInFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make the pair that stands in: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("make the pair that stands in: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the pair that stands in: %w", err)
	}
	for _, file := range []struct {
		name, kind string
		content    []byte
	}{{CertificateFile, "CERTIFICATE", certificate}, {KeyFile, "PRIVATE KEY", private}} {
		content := pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.content})
		if err := renameio.WriteFile(filepath.Join(dir, file.name), content, 0o600); err != nil {
			return fmt.Errorf("make the pair that stands in: %w", err)
		}
	}
	return nil
}
