package database

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/poststack/poststack/pkg/secret"
)

// explain turns the driver's error into ours. The driver joins the errors of all attempts, with TLS and
// without, and of all addresses of a name: the most telling one counts.
func (t Target) explain(err error) *ConnectError {
	var best *ConnectError
	for _, attempt := range attempts(err) {
		e := t.classify(attempt)
		if best == nil || t.rank(e) > t.rank(best) {
			best = e
		}
	}
	return best
}

// attempts takes the joined error apart.
func attempts(err error) []error {
	for ; err != nil; err = errors.Unwrap(err) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			return joined.Unwrap()
		}
		if errors.Unwrap(err) == nil {
			break
		}
	}
	return []error{err}
}

// rank orders what attempts at one server gave: what the server said in SQL, then why the network or TLS failed.
// Where TLS is only preferred, its failure explains nothing that the attempt without it does not.
func (t Target) rank(e *ConnectError) int {
	var pg *pgconn.PgError
	switch {
	case errors.As(e.Err, &pg) && pg.Code == "28000":
		return 5 // also said of an attempt that pg_hba.conf foresees only with TLS, or only without
	case pg != nil:
		return 6
	case e.Kind == TLS && t.SSLMode != "prefer" && t.SSLMode != "allow":
		return 4
	case e.Kind == Foreign, errors.Is(e.Err, errClear):
		return 3
	case e.Kind == TLS, e.Kind == Other:
		return 1
	default:
		return 2
	}
}

// classify explains one attempt, by SQLSTATE, then by type.
func (t Target) classify(err error) *ConnectError {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return t.explainSQL(pg)
	}
	var (
		dns *net.DNSError
		op  *net.OpError
	)
	switch insecure := tlsError(err); {
	case errors.As(err, &dns):
		return t.failure(DNS, "the name of the host does not resolve",
			"check the host in the URL and this machine's DNS", dns)
	case insecure != nil:
		return t.failure(TLS, "TLS failed: "+insecure.Error(),
			"check sslmode and sslrootcert against the server's certificate", insecure)
	case errors.Is(err, errNoTLS):
		return t.failure(TLS, fmt.Sprintf("the server has no TLS, and sslmode=%s asks for it", t.SSLMode),
			"switch TLS on in the server, or write sslmode=prefer where the network is trusted", errNoTLS)
	case pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded):
		return t.failure(Timeout, fmt.Sprintf("no answer within %s", t.ConnectTimeout),
			"check host, port and firewall, or set a longer connect_timeout", context.DeadlineExceeded)
	case errors.Is(err, syscall.ECONNREFUSED):
		return t.failure(Refused, "nothing listens there", "start the server, or check host and port", syscall.ECONNREFUSED)
	case t.Socket() != "" && errors.Is(err, syscall.ENOENT):
		return t.failure(Refused, "there is no socket "+t.Socket(),
			"start the server, or write as host the directory that its unix_socket_directories names", syscall.ENOENT)
	case t.Socket() != "" && errors.Is(err, syscall.EACCES):
		return t.failure(Permission, "this user may not use the socket "+t.Socket(),
			"check the directory's rights and the server's unix_socket_permissions", syscall.EACCES)
	case errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH):
		errors.As(err, &op)
		return t.failure(Unreachable, "there is no route to the host", "check the host and this machine's network", op)
	case errors.Is(err, errClear):
		return t.failure(Authentication, "the server asks for the password in clear text, and the connection has no TLS",
			"switch TLS on in the server and write sslmode=require, or let pg_hba.conf say scram-sha-256", errClear)
	case errors.Is(err, errForeign):
		return t.failure(Foreign, "what answers there is not PostgreSQL", "check host and port", errForeign)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, pgconn.ErrConnClosed): // it broke off before, in a query
		return t.failure(Dropped, "the connection was closed without an answer",
			"wait until the server has started, and check that it is PostgreSQL", io.ErrUnexpectedEOF)
	}
	return t.unknown(err)
}

// unknown keeps the text of an error without a type, after a search for the password.
func (t Target) unknown(err error) *ConnectError {
	var known secret.Set
	known.Add(t.Secrets()...)
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
		err = next
	}
	remedy := "see the server's log"
	if t.ChannelBinding == "require" {
		remedy = "let the server have TLS and log users in by scram-sha-256, or leave channel_binding out"
	}
	return t.failure(Other, "the login did not succeed: "+known.Redact(err.Error()), remedy, nil)
}

func (t Target) failure(kind Kind, reason, remedy string, cause error) *ConnectError {
	return &ConnectError{Kind: kind, Target: t.Redacted(), Reason: reason, Remedy: remedy, Err: cause}
}

// tlsError returns the error of crypto/tls or crypto/x509 inside err; nil if there is none.
func tlsError(err error) error {
	var (
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	var op *net.OpError
	switch {
	case errors.As(err, &verify):
		return verify
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"): // crypto/tls names its alerts so
		return op
	case errors.As(err, &authority):
		return authority
	case errors.As(err, &name):
		return name
	case errors.As(err, &invalid):
		return invalid
	case errors.As(err, &record):
		return record
	}
	return nil
}
