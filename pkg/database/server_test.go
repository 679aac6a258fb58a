package database_test

import (
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
)

// serve accepts connections on a port of 127.0.0.1 and gives each to handle, until the test ends.
func serve(t *testing.T, handle func(net.Conn)) database.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				handle(c)
			}()
		}
	}()
	return at(t, l.Addr().String())
}

// at is a target at that address, with the password s3cr3t-pw.
func at(t *testing.T, address string) database.Target {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	n, err := strconv.ParseUint(port, 10, 16)
	require.NoError(t, err)
	return database.Target{
		Host: host, Port: uint16(n), User: "app", Password: "s3cr3t-pw", Database: "mail", ConnectTimeout: 5 * time.Second,
	}
}

// login is a server without TLS that asks for the password in clear and then answers with reply, or, if that
// is nil, lets everyone in. What it received goes to seen.
type login struct {
	reply *pgproto3.ErrorResponse
	seen  func(start *pgproto3.StartupMessage, password string)
}

func (s login) handle(c net.Conn) {
	b := pgproto3.NewBackend(c, c)
	start, err := b.ReceiveStartupMessage()
	if _, ok := start.(*pgproto3.SSLRequest); ok {
		_, _ = c.Write([]byte("N"))
		start, err = b.ReceiveStartupMessage()
	}
	params, ok := start.(*pgproto3.StartupMessage)
	if err != nil || !ok {
		return
	}
	b.Send(&pgproto3.AuthenticationCleartextPassword{})
	_ = b.Flush()
	_ = b.SetAuthType(pgproto3.AuthTypeCleartextPassword)
	msg, err := b.Receive()
	password, ok := msg.(*pgproto3.PasswordMessage)
	if err != nil || !ok {
		return
	}
	if s.seen != nil {
		s.seen(params, password.Password)
	}
	if s.reply != nil {
		b.Send(s.reply)
	} else {
		b.Send(&pgproto3.AuthenticationOk{})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
	_ = b.Flush()
	_, _ = io.Copy(io.Discard, c)
}

func says(code string) login {
	return login{reply: &pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "told by the server"}}
}
