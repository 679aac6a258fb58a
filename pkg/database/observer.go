package database

import (
	"context"
	"net"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// observer notes the first byte that the server sends on each connection of one attempt to connect. The driver
// tells only by its text that a server has no TLS; the protocol tells it by this byte.
type observer struct {
	mu    sync.Mutex
	first []byte
}

func (o *observer) dial(d *net.Dialer) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &observed{Conn: c, seen: o}, nil
	}
}

// noTLS reports whether the server answered a request for TLS with a plain no.
func (o *observer) noTLS() bool { return o.has(func(b byte) bool { return b == 'N' }) }

// foreign reports whether something answered that no PostgreSQL server begins with: S and N answer a request
// for TLS, R, E and v a login.
func (o *observer) foreign() bool {
	return o.has(func(b byte) bool { return !strings.ContainsRune("SNREv", rune(b)) })
}

func (o *observer) has(is func(byte) bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range o.first {
		if is(b) {
			return true
		}
	}
	return false
}

func (o *observer) add(b byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.first = append(o.first, b)
}

// observed is a connection whose first byte is noted.
type observed struct {
	net.Conn
	once sync.Once
	seen *observer
}

// Read notes the first byte that arrives.
func (c *observed) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.once.Do(func() { c.seen.add(p[0]) })
	}
	return n, err
}
