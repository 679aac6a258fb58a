package verify

import (
	"net"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
)

// newPair makes a certificate for localhost that signs itself, so that nobody else trusts it, and its key. It is valid
// for a day.
func newPair() (certificate.Pair, error) {
	names := certificate.Names{DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}
	return certificate.SelfSigned(names, 24*time.Hour)
}
