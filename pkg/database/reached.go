package database

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/netip"

	"github.com/jackc/pgx/v5"
)

// Reached is what answered a login: with it in a [Target], both drivers go there again and nowhere else. A name can
// have several addresses, of which a driver takes the first that its own resolver gives; and a server that has TLS
// for one login may be asked without by the next.
type Reached struct {
	Address     netip.Addr // the zero value for a Unix socket
	TLS         bool
	Certificate string // the server's own, in PEM, if there is TLS
}

// reached tells what conn is connected to.
func reached(conn *pgx.Conn) (r Reached) {
	c := conn.PgConn().Conn()
	if at, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		r.Address = at.AddrPort().Addr().Unmap()
	}
	if c, ok := c.(*tls.Conn); ok {
		r.TLS = true
		if chain := c.ConnectionState().PeerCertificates; len(chain) > 0 {
			r.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[0].Raw}))
		}
	}
	return r
}

// pinned is the one address to connect to; the zero value leaves that to the resolver.
func (t Target) pinned() netip.Addr {
	if t.Reached.Address.IsValid() {
		return t.Reached.Address
	}
	return t.HostAddr
}

// mode is the sslmode that leads to a connection like the one that was reached.
func (t Target) mode() string {
	switch {
	case !t.Reached.Address.IsValid() || t.SSLMode != "prefer" && t.SSLMode != "allow":
		return t.SSLMode
	case t.Reached.TLS:
		return "require"
	default:
		return "disable"
	}
}

// bound tells whether the login was bound to the server's certificate. The JDBC driver of Liquibase 4.28 (42.7.3)
// cannot do that: it accepts only that certificate instead.
func (t Target) bound() bool { return t.ChannelBinding == "require" && t.Reached.Certificate != "" }
