package database

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Served is the certificate that the server shows to who asks for TLS, whoever has signed it; nil if it has no TLS. It
// logs in nobody. It is what tells whether a server has taken a renewed certificate into use.
func (t Target) Served(ctx context.Context) (*x509.Certificate, error) {
	t = t.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, t.ConnectTimeout)
	defer cancel()
	host := t.Host
	if at := t.pinned(); at.IsValid() {
		host = at.String()
	}
	fail := func(err error) error {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
			<-ctx.Done() // a connection notices the end a moment earlier than who asks ctx
		}
		return fmt.Errorf("ask %s for its certificate: %w", t.Address(), err)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(t.Port))))
	if err != nil {
		return nil, fail(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	request, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err == nil {
		_, err = conn.Write(request)
	}
	answer := make([]byte, 1)
	if err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err != nil {
		return nil, fail(err)
	}
	if answer[0] != 'S' {
		return nil, nil //nolint:nilnil // that there is none is an answer
	}
	//nolint:gosec // it is looked at, not believed, and nothing is sent
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fail(err)
	}
	return secure.ConnectionState().PeerCertificates[0], nil
}
