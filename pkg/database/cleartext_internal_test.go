package database

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// afar is a connection to this machine that looks as if it went to another, and that hands out what it receives in
// pieces of at most piece bytes.
type afar struct {
	net.Conn
	piece int
}

func (afar) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5432} }

func (c afar) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(len(p), c.piece)]) }

// asksInClear is a server without TLS that asks for the password as it is, and passes on what it then gets.
func asksInClear(t *testing.T) (address string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	got = make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		b := pgproto3.NewBackend(c, c)
		_, _ = b.ReceiveStartupMessage()
		b.Send(&pgproto3.AuthenticationCleartextPassword{})
		_ = b.Flush()
		rest, _ := io.ReadAll(c)
		got <- string(rest)
	}()
	return l.Addr().String(), got
}

func TestTarget_sends_no_password_in_clear_to_another_machine(t *testing.T) {
	t.Parallel()
	for name, piece := range map[string]int{"in one piece": 1 << 16, "byte by byte": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, got := asksInClear(t)
			tgt := Target{
				Host: "db.example", User: "app", Password: "s3cr3t-pw", Database: "mail", SSLMode: "disable",
			}.withDefaults()
			cfg, err := tgt.config()
			require.NoError(t, err)
			cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"192.0.2.7"}, nil }
			cfg.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				return &observed{Conn: afar{c, piece}}, err
			}
			_, err = pgx.ConnectConfig(t.Context(), cfg)
			require.Error(t, err)
			assert.NotContains(t, <-got, "s3cr3t-pw")
			if piece > 1 {
				failure := tgt.explain(err)
				assert.Equal(t, Authentication, failure.Kind)
				assert.ErrorContains(t, failure,
					"asks for the password in clear text, and the connection has no TLS; switch TLS on")
			}
		})
	}
}
