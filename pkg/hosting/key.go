package hosting

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Shown is the certificate that a service shows to TLS clients for a name.
type Shown struct {
	Service string
	Name    string
	Chain   []*x509.Certificate // its own first
}

// Hosts are the names under which a domain's services are reached: those of its sites and of its mail.
func Hosts(of Domain) []string { return []string{string(of), mailHost(of)} }

func mailHost(of Domain) string { return "mail." + string(of) }

// The ports, in public, at which clients look for TLSA records.
const (
	httpsPort = 443
	smtpPort  = 25
	imapsPort = 993
)

// wantKeys wants a TLSA record for each port of a host at which a service shows a certificate for its name.
func (n *Needs) wantKeys(host string, shown []Shown, listens map[string][]int, ports ...int) {
	for _, port := range ports {
		for _, s := range shown {
			if s.Name != host || !slices.Contains(listens[s.Service], port) {
				continue
			}
			key, err := dns.CertificateToDANE(1, 1, s.Chain[0]) // the SHA-256 of its public key
			if err != nil {
				continue
			}
			before := len(n.List)
			n.want(fmt.Sprintf("_%d._tcp.%s", port, host), Record{Type: "TLSA", Content: "3 1 1 " + key},
				"DANE: the key of the certificate that "+s.Service+" shows; counts in a signed zone")
			need := n.List[before]
			if slices.ContainsFunc(n.List[:before],
				func(other Need) bool { return other.Name == need.Name && other.Content == need.Content }) {
				n.List = n.List[:before]
				continue
			}
			n.List[before].chain = s.Chain
		}
	}
}

// fits tells whether what a TLSA record holds is of a certificate that is shown: of its own for the usages 1 and 3,
// of any in the chain for those that name an authority (RFC 6698).
func fits(content string, chain []*x509.Certificate) bool {
	rr, err := dns.NewRR(". TLSA " + strings.ToLower(content))
	held, ok := rr.(*dns.TLSA)
	if err != nil || !ok {
		return false
	}
	if held.Usage == 1 || held.Usage == 3 {
		chain = chain[:1]
	}
	return slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return held.Verify(c) == nil })
}

// Stale says what to do about a TLSA record that does not fit the certificate; "" for every other need.
func (n Need) Stale(of, zone Domain) string {
	if n.Type != "TLSA" || n.State != Differs {
		return ""
	}
	return fmt.Sprintf("it does not fit the certificate that is shown, so that clients which look at it refuse the "+
		"connection; replace it with: mage dns:remove %s %s TLSA -yes, then mage dns:records %s -add", string(zone), n.Name,
		string(of))
}

// listening are the ports of services in public, by their names.
func listening(ctx context.Context, conn Conn) (ports map[string][]int, err error) {
	err = conn.QueryRow(ctx, `select coalesce(jsonb_object_agg(name, ports), '{}') from services`).Scan(&ports)
	return ports, err
}
