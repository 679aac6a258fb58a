// Package certificate makes and judges the certificates of servers: those of a local authority, those that people put
// into a directory, and those that only a check trusts.
package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math"
	"math/big"
	"net"
	"time"
)

// Names are what a server is reached by.
type Names struct {
	DNS []string
	IPs []net.IP
}

// Pair is a certificate and its key, both in PEM.
type Pair struct {
	Certificate, Key []byte
}

// SelfSigned makes a pair that signs itself, which only those trust who are given it. It is valid for life from now on.
func SelfSigned(names Names, life time.Duration) (Pair, error) {
	template := newTemplate(names.DNS[0], time.Now(), life)
	names.fill(template)
	template.IsCA = true
	template.KeyUsage |= x509.KeyUsageCertSign
	signed, err := sign(template, nil)
	return signed.pair, err
}

// clockSlack is how far the clock of a client may be behind.
const clockSlack = time.Hour

// newTemplate is a certificate that is valid for life from now on.
func newTemplate(commonName string, now time.Time, life time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: commonName}, NotBefore: now.Add(-clockSlack), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
}

// fill has the certificate be a server's of those names.
func (n Names) fill(template *x509.Certificate) {
	template.DNSNames, template.IPAddresses = n.DNS, n.IPs
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

// signed is a certificate with its key, parsed and in PEM.
type signed struct {
	pair        Pair
	certificate *x509.Certificate
	key         crypto.Signer
}

// sign makes a key, and the certificate of the template for it. Without an issuer it signs itself.
func sign(template *x509.Certificate, issuer *signed) (signed, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signed{}, fmt.Errorf("make a key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return signed{}, fmt.Errorf("make a serial number: %w", err)
	}
	if issuer == nil {
		issuer = &signed{certificate: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(), issuer.key)
	if err != nil {
		return signed{}, fmt.Errorf("make a certificate: %w", err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return signed{}, fmt.Errorf("make a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return signed{}, fmt.Errorf("encode a key: %w", err)
	}
	return signed{certificate: made, key: key, pair: Pair{
		Certificate: encode(made),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}}, nil
}

// encode is a certificate in PEM.
func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.Raw})
}

// blockCertificate is the type of a certificate's block in PEM.
const blockCertificate = "CERTIFICATE"

// Serial is a certificate's serial number as openssl shows it.
func Serial(c *x509.Certificate) string { return fmt.Sprintf("%X", c.SerialNumber) }

// DaysLeft is for how many whole days a certificate is valid; it is negative once it has ended.
func DaysLeft(c *x509.Certificate, now time.Time) int {
	return int(math.Floor(float64(c.NotAfter.Sub(now)) / float64(day)))
}

const day = 24 * time.Hour
