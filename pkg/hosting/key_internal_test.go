package hosting

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/certificate"
)

func TestFits(t *testing.T) {
	t.Parallel()
	var chain []*x509.Certificate
	for _, name := range []string{"mail.example.org", "authority.example.net"} {
		made, err := certificate.SelfSigned(certificate.Names{DNS: []string{name}}, time.Hour)
		require.NoError(t, err)
		block, _ := pem.Decode(made.Certificate)
		parsed, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		chain = append(chain, parsed)
	}
	key, all, upper := sha256.Sum256(chain[0].RawSubjectPublicKeyInfo), sha512.Sum512(chain[0].Raw),
		sha256.Sum256(chain[1].RawSubjectPublicKeyInfo)
	for content, want := range map[string]bool{
		"3 1 1 " + hex.EncodeToString(key[:]):                                        true,
		"1 1 1 " + strings.ToUpper(hex.EncodeToString(key[:])):                       true,
		"3 0 2 " + hex.EncodeToString(all[:20]) + " " + hex.EncodeToString(all[20:]): true,
		"3 1 0 " + hex.EncodeToString(chain[0].RawSubjectPublicKeyInfo):              true,
		"2 1 1 " + hex.EncodeToString(upper[:]):                                      true,
		"3 1 1 " + hex.EncodeToString(upper[:]):                                      false,
		"3 0 1 " + hex.EncodeToString(key[:]):                                        false,
		"3 1 9 " + hex.EncodeToString(key[:]):                                        false,
		"3 1 1":                                                                      false,
		"3 1 x ab":                                                                   false,
	} {
		assert.Equal(t, want, fits(content, chain), content)
	}
}
