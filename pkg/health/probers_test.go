package health_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/health"
)

func TestTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := health.TCP(l.Addr().String())
	assert.Equal(t, "TCP "+l.Addr().String(), p.String())
	require.NoError(t, p.Probe(t.Context()))
	require.NoError(t, l.Close())
	require.ErrorIs(t, p.Probe(t.Context()), syscall.ECONNREFUSED)
}

func TestTCP_proxy_without_a_server(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			_ = c.Close()
		}
	}()
	require.ErrorContains(t, health.TCP(l.Addr().String()).Probe(t.Context()), "taken and closed at once")
}

func TestTCP_server_that_speaks_first(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte("220 ready\r\n"))
			_ = c.Close()
		}
	}()
	require.NoError(t, health.TCP(l.Addr().String()).Probe(t.Context()))
}

// greets listens, and sends each who connects line; with TLS if the server has a configuration for that.
func greets(t *testing.T, line string, encrypted *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if encrypted != nil {
		l = tls.NewListener(l, encrypted)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			_, _ = c.Write([]byte(line))
			if line == "" {
				_, _ = c.Read(make([]byte, 1)) // until the client is gone
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func TestGreeting(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	for name, c := range map[string]struct {
		line      string
		encrypted bool
		want      string
	}{
		"of a server that is ready": {line: "* OK [CAPABILITY IMAP4rev1] ready.\r\nmore"},
		"after a handshake":         {line: "* OK ready\r\n", encrypted: true},
		"of one that is not":        {line: "* BYE busy\r\n", want: `the greeting is "* BYE busy", expected /^\* OK/`},
		"none at all":               {line: "* OK", want: "read the greeting: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var with *tls.Config
			if c.encrypted {
				with = s.TLS
			}
			p := health.Greeting(greets(t, c.line, with), c.encrypted, regexp.MustCompile(`^\* OK`))
			err := p.Probe(t.Context())
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
		})
	}
}

func TestGreeting_ends_with_its_context(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("enough"))
	defer cancel()
	for _, p := range []health.Prober{
		health.Greeting(greets(t, "", nil), false, regexp.MustCompile("")), health.TLS(greets(t, "", nil)),
	} {
		require.EqualError(t, p.Probe(ctx), "enough")
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	require.NoError(t, health.TLS(s.Listener.Addr().String()).Probe(t.Context()))
	require.ErrorContains(t, health.TLS(greets(t, "220 no TLS\r\n", nil)).Probe(t.Context()),
		"does not look like a TLS handshake")
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/fine", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/busy", http.StatusFound)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	for path, want := range map[string]string{
		"/fine": "", "/busy": "status is 503 Service Unavailable", "/moved": "status is 503 Service Unavailable",
		"/none": "status is 404 Not Found",
	} {
		err := health.HTTP(s.URL+path, s.Client()).Probe(t.Context())
		if want == "" {
			require.NoError(t, err, path)
			continue
		}
		require.EqualError(t, err, want, path)
	}
	require.Error(t, health.HTTP("http://[", s.Client()).Probe(t.Context()))
}

// conn is a connection that answers a ping with err.
type conn struct {
	err    error
	closed *bool
}

func (c conn) Ping(context.Context) error { return c.err }

func (c conn) Close(ctx context.Context) error {
	*c.closed = ctx.Err() == nil
	return nil
}

func TestSQL(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ connect, ping error }{
		"a login and a query are a yes":    {nil, nil},
		"a refused login is the answer":    {errRefused, nil},
		"a query that fails is the answer": {nil, errDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := false
			ctx, cancel := context.WithCancel(t.Context())
			p := health.SQL("postgresql://app@h/mail", func(context.Context) (conn, error) {
				cancel() // the connection must be closed all the same
				return conn{tc.ping, &closed}, tc.connect
			})
			assert.Equal(t, "database postgresql://app@h/mail", p.String())
			err := p.Probe(ctx)
			if tc.connect != nil {
				require.ErrorIs(t, err, tc.connect)
				assert.False(t, closed)
				return
			}
			require.ErrorIs(t, err, tc.ping)
			assert.True(t, closed)
		})
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	p := health.Exec("pg_isready in the container", func(context.Context) error { return errRefused })
	assert.Equal(t, "pg_isready in the container", p.String())
	require.ErrorIs(t, p.Probe(t.Context()), errRefused)
}
