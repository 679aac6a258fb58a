package pair

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
)

// leastRSA and leastECDSA are the bits of the shortest keys that OpenSSL takes at Debian's level of security, 2.
const (
	leastRSA   = 2048
	leastECDSA = 224
)

// strong tells why servers refuse a pair that fits. Some of them refuse to run at all then, with all that they serve.
func strong(pair tls.Certificate) error {
	for i, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("read certificate %d of the chain: %w", i+1, err)
		}
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			if bits := key.N.BitLen(); bits < leastRSA {
				return fmt.Errorf("certificate %d of the chain has a key of %d bits only; RSA needs %d", i+1, bits, leastRSA)
			}
		case *ecdsa.PublicKey:
			if bits := key.Curve.Params().BitSize; bits < leastECDSA {
				return fmt.Errorf("certificate %d of the chain has a key of %d bits only; ECDSA needs %d", i+1, bits, leastECDSA)
			}
		}
		broken := slices.Contains([]x509.SignatureAlgorithm{
			x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		}, c.SignatureAlgorithm)
		if broken && c.Issuer.String() != c.Subject.String() { // what signs itself is trusted or not, whatever its signature
			return fmt.Errorf("certificate %d of the chain is signed with %s, which is broken", i+1, c.SignatureAlgorithm)
		}
	}
	return nil
}
