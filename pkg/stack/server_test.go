package stack_test

import (
	"crypto/tls"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// server is what runs in the database's container: it listens where the container publishes its port, takes the
// password that the container's file holds, and answers every query with nothing.
type server struct {
	mu       sync.Mutex
	listener net.Listener
	clients  []net.Conn
	password string
	served   sync.WaitGroup
	reply    string                          // SQLSTATE with which every login is refused; "" lets people in
	shown    atomic.Pointer[tls.Certificate] // nil is no TLS
}

// serve has the engine's containers that publish a port be such servers.
func serve(t *testing.T, e *enginetest.Fake) *server {
	t.Helper()
	s := &server{}
	e.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		if len(spec.Ports) == 0 { // no server
			return enginetest.Outcome{}
		}
		if err := s.start(spec); err != nil {
			return enginetest.Outcome{StartError: err}
		}
		return enginetest.Outcome{Stdout: "ready\n"}
	}
	e.OnCall = func(method, _ string) error {
		if method == "ContainerStop" || method == "ContainerRemove" {
			s.stop()
		}
		return nil
	}
	t.Cleanup(s.stop)
	return s
}

func (s *server) start(spec engine.ContainerSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(int(spec.Ports[0].Host)))
	if err != nil {
		return engine.ErrPortInUse
	}
	s.listener, s.password = l, string(spec.Files[0].Content)
	s.served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.clients = append(s.clients, c)
			s.mu.Unlock()
			s.served.Go(func() {
				defer func() { _ = c.Close() }()
				s.greet(c)
			})
		}
	})
	return nil
}

func (s *server) stop() {
	s.mu.Lock()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	for _, c := range s.clients { // as PostgreSQL's fast shutdown does
		_ = c.Close()
	}
	s.mu.Unlock()
	s.served.Wait()
}

// greet answers who asks for TLS first, and then like everyone else.
func (s *server) greet(c net.Conn) {
	b := pgproto3.NewBackend(c, c)
	first, err := b.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if _, asked := first.(*pgproto3.SSLRequest); asked {
		pair := s.shown.Load()
		if pair == nil {
			_, _ = c.Write([]byte("N"))
			return
		}
		_, _ = c.Write([]byte("S"))
		secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*pair}})
		b = pgproto3.NewBackend(secure, secure)
		if _, err := b.ReceiveStartupMessage(); err != nil {
			return
		}
	}
	s.answer(b)
}

// answer is one connection from login to goodbye.
func (s *server) answer(b *pgproto3.Backend) {
	b.Send(&pgproto3.AuthenticationCleartextPassword{})
	if b.Flush() != nil || b.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
		return
	}
	msg, err := b.Receive()
	given, ok := msg.(*pgproto3.PasswordMessage)
	if err != nil || !ok {
		return
	}
	s.mu.Lock()
	reply := s.reply
	if reply == "" && given.Password != s.password {
		reply = "28P01"
	}
	s.mu.Unlock()
	if reply != "" {
		b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: reply, Message: "told by the server"})
		_ = b.Flush()
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for {
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if b.Flush() != nil {
			return
		}
		msg, err := b.Receive()
		if _, query := msg.(*pgproto3.Query); err != nil || !query {
			return
		}
		b.Send(&pgproto3.EmptyQueryResponse{})
	}
}
