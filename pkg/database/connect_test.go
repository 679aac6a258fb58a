package database_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
)

func kindOf(t *testing.T, err error) database.Kind {
	t.Helper()
	var failure *database.ConnectError
	require.ErrorAs(t, err, &failure)
	assert.NotContains(t, err.Error(), "s3cr3t-pw")
	assert.NotContains(t, err.Error(), "\n")
	assert.NotEmpty(t, failure.Remedy)
	var driver *pgconn.ConnectError
	assert.NotErrorAs(t, err, &driver, "the driver's error, which holds the password, is in the chain")
	return failure.Kind
}

func TestTarget_Connect_tells_by_SQLSTATE(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]database.Kind{
		"28P01": database.Authentication, "28000": database.Authentication, "3D000": database.NoDatabase,
		"3F000": database.NoSchema, "42501": database.Permission, "55000": database.Permission, "53300": database.TooMany,
		"57P01": database.StartingUp, "57P03": database.StartingUp, "25006": database.ReadOnly, "XX000": database.Other,
	} {
		for _, mode := range []string{"", "disable", "allow"} { // the first tries TLS, and is told no
			t.Run(code+" with sslmode "+mode, func(t *testing.T) {
				t.Parallel()
				tgt := serve(t, says(code).handle)
				tgt.SSLMode = mode
				_, err := tgt.Connect(t.Context())
				assert.Equal(t, want, kindOf(t, err), err)
				var pg *pgconn.PgError
				require.ErrorAs(t, err, &pg)
				assert.Equal(t, code, pg.Code)
				if want != database.NoSchema {
					assert.Contains(t, err.Error(), code)
				}
			})
		}
	}
}

func TestTarget_Connect_tells_what_keeps_it_from_a_server(t *testing.T) {
	t.Parallel()
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	for name, tc := range map[string]struct {
		target  func(t *testing.T) database.Target
		mode    string
		want    database.Kind
		passing bool
	}{
		"a name that does not resolve": {func(t *testing.T) database.Target {
			return database.Target{Host: "no-such-host.invalid", User: "app", Database: "mail", ConnectTimeout: 2 * time.Second}
		}, "prefer", database.DNS, true},
		"a socket that is not there": {func(t *testing.T) database.Target {
			return database.Target{Host: t.TempDir(), User: "app", Database: "mail", ConnectTimeout: 2 * time.Second}
		}, "prefer", database.Refused, true},
		"a port where nothing listens": {func(t *testing.T) database.Target {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			require.NoError(t, l.Close())
			return at(t, l.Addr().String())
		}, "prefer", database.Refused, true},
		"a server that never answers": {func(t *testing.T) database.Target {
			tgt := serve(t, silent)
			tgt.ConnectTimeout = 50 * time.Millisecond
			return tgt
		}, "prefer", database.Timeout, true},
		"a server that hangs up": {func(t *testing.T) database.Target {
			return serve(t, func(net.Conn) {})
		}, "prefer", database.Dropped, true},
		"a web server": {func(t *testing.T) database.Target {
			return serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
		}, "disable", database.Foreign, false},
		"something that speaks first": {func(t *testing.T) database.Target {
			return serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "220 mail ready\r\n"); silent(c) })
		}, "prefer", database.Foreign, false},
		"no TLS where it is required": {func(t *testing.T) database.Target {
			return serve(t, says("28P01").handle)
		}, "require", database.TLS, false},
		"a certificate of an unknown authority": {func(t *testing.T) database.Target {
			tgt := serve(t, withTLS(t, tls.NoClientCert))
			tgt.SSLRootCert = otherCA(t)
			return tgt
		}, "verify-ca", database.TLS, false},
		"a server that wants a client certificate": {func(t *testing.T) database.Target {
			return serve(t, withTLS(t, tls.RequireAnyClientCert))
		}, "require", database.TLS, false},
		"a way to log in that nobody knows": {func(t *testing.T) database.Target {
			return serve(t, func(c net.Conn) {
				b := pgproto3.NewBackend(c, c)
				_, _ = b.ReceiveStartupMessage()
				b.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"s3cr3t-pw"}}) // a hostile echo
				_ = b.Flush()
				silent(c)
			})
		}, "disable", database.Other, false},
		"a root certificate that is not there": {func(t *testing.T) database.Target {
			tgt := serve(t, silent)
			tgt.SSLRootCert = filepath.Join(t.TempDir(), "none.crt")
			return tgt
		}, "verify-ca", database.Settings, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tgt := tc.target(t)
			tgt.SSLMode = tc.mode
			_, err := tgt.Connect(t.Context())
			assert.Equal(t, tc.want, kindOf(t, err), err)
			var failure *database.ConnectError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, tc.passing, failure.Passing())
		})
	}
}

// withTLS is a server with TLS, whose certificate httptest made, and that hangs up after the handshake.
func withTLS(t *testing.T, auth tls.ClientAuthType) func(net.Conn) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	t.Cleanup(s.Close)
	config := &tls.Config{Certificates: s.TLS.Certificates, ClientAuth: auth}
	return func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 8))
		_, _ = c.Write([]byte("S"))
		_ = tls.Server(c, config).Handshake()
		_, _ = io.Copy(io.Discard, c)
	}
}

// otherCA writes a certificate that did not sign anyone else's.
func otherCA(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.crt")
	cert, _ := selfSigned(t)
	require.NoError(t, os.WriteFile(file, cert, 0o600))
	return file
}

func TestTarget_Connect_until_the_deadline_of_the_context(t *testing.T) {
	t.Parallel()
	limit := errors.New("start did not end within 50ms")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, limit)
	defer cancel()
	_, err := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }).Connect(ctx)
	assert.Equal(t, database.Timeout, kindOf(t, err))
	require.ErrorIs(t, err, limit)
	assert.ErrorContains(t, err, "no answer in time: start did not end within 50ms; check host")
}

func TestTarget_Connect_cancelled_gives_the_cause(t *testing.T) {
	t.Parallel()
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	tgt := serve(t, func(c net.Conn) { cancel(cause); _, _ = io.Copy(io.Discard, c) })
	_, err := tgt.Connect(ctx)
	require.ErrorIs(t, err, cause)
	var failure *database.ConnectError
	assert.NotErrorAs(t, err, &failure)
}

func TestTarget_Connect_sends_the_password_as_it_is(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	tgt := serve(t, login{seen: func(_ *pgproto3.StartupMessage, p string) { got <- p }}.handle)
	tgt.Password = "p@s:s/w#r%d?&=+'\"\\$HOME {x};" + "zzz"
	conn, err := tgt.Connect(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	assert.Equal(t, tgt.Password.Reveal(), <-got)
}

func TestConnectError_is_one_line_with_the_remedy_at_its_end(t *testing.T) {
	t.Parallel()
	_, err := serve(t, says("28P01").handle).Connect(t.Context())
	require.Error(t, err)
	text := err.Error()
	assert.True(t, strings.HasPrefix(text, `use database "postgresql://app@127.0.0.1:`), text)
	assert.True(t,
		strings.HasSuffix(text, `rejects the password of user "app" (SQLSTATE 28P01); correct user and password in the URL`),
		text)
}

// TestTarget_ExplainState_of_too_many: the limit that was reached may be the server's, the role's or the database's.
func TestTarget_ExplainState_of_too_many(t *testing.T) {
	t.Parallel()
	told := database.Target{}.ExplainState("53300", `too many connections for database "mail"`)
	assert.Equal(t, database.TooMany, told.Kind)
	assert.Contains(t, told.Reason, `too many connections for database "mail"`)
	assert.Contains(t, told.Remedy, "database")
}
