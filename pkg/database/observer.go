package database

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
)

var (
	errNoTLS   = errors.New("server has no TLS")
	errForeign = errors.New("not a PostgreSQL server")
	errClear   = errors.New("password asked for in clear text")
)

// dial is net.Dialer's, with a look at the first byte that the server sends. The driver tells only by its text
// that a server has no TLS, and waits for the rest of what is no message at all; the protocol tells both by
// that byte.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &observed{Conn: c}, nil
}

// observed is a connection whose first byte is judged. The driver writes before it reads, on one goroutine.
type observed struct {
	net.Conn
	asked, judged bool // for TLS; the first byte
}

// sslRequest is the code in the second half of the 8 bytes that ask for TLS.
const sslRequest = 80877103

// Write notes whether the first message asks for TLS.
func (c *observed) Write(p []byte) (int, error) {
	if !c.judged && len(p) == 8 && binary.BigEndian.Uint32(p[4:]) == sslRequest {
		c.asked = true
	}
	return c.Conn.Write(p)
}

// clearText is how the server asks for the password as it is. Source: PostgreSQL manual, "Message Formats",
// AuthenticationCleartextPassword.
const clearText = "R\x00\x00\x00\x08\x00\x00\x00\x03"

// Read fails with [errNoTLS], [errForeign] or [errClear] when the first message says so.
func (c *observed) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n == 0 || c.judged {
		return n, err
	}
	c.judged = true
	switch first := rune(p[0]); {
	case c.asked && first == 'N':
		return 0, errNoTLS
	case c.asked && !strings.ContainsRune("SE", first), !c.asked && !strings.ContainsRune("RENv", first):
		return 0, errForeign
	case strings.HasPrefix(string(p[:n]), clearText) && !local(c.Conn): // in pieces, the driver refuses it
		return 0, errClear
	}
	return n, err
}
