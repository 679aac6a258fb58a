package database

import (
	"fmt"
	"slices"
)

// Kind is what keeps a server from being used.
type Kind string

// The kinds of failures. What cures each is in [ConnectError.Remedy].
const (
	DNS            Kind = "dns"            // the host's name does not resolve
	Refused        Kind = "refused"        // nothing listens there
	Unreachable    Kind = "unreachable"    // no route to the host
	Timeout        Kind = "timeout"        // no answer in time
	Dropped        Kind = "dropped"        // the connection was accepted and closed without an answer
	Foreign        Kind = "foreign"        // what answers is not PostgreSQL
	TLS            Kind = "tls"            // the server has no TLS, or its certificate is not trusted
	Authentication Kind = "authentication" // password, role or pg_hba.conf
	NoDatabase     Kind = "no-database"    // the server has no such database
	NoSchema       Kind = "no-schema"      // the database has no such schema
	Permission     Kind = "permission"     // the role may not do what is needed
	TooMany        Kind = "too-many"       // all connections are taken
	StartingUp     Kind = "starting-up"    // or shutting down, or recovering
	ReadOnly       Kind = "read-only"      // a standby, or set to read-only
	Settings       Kind = "settings"       // the URL names a file that cannot be used
	Other          Kind = "other"
)

// ConnectError is a server that cannot be used. Its text never holds the password.
type ConnectError struct {
	Kind   Kind
	Target string // [Target.Redacted]
	Reason string // one line, with the SQLSTATE if there is one
	Remedy string // one line: what to do
	Err    error  // the cause: *pgconn.PgError, *net.OpError …; never the driver's own, which holds the password
}

// Error is one line: target, reason, remedy.
func (e *ConnectError) Error() string {
	msg := fmt.Sprintf("use database %q: %s", e.Target, e.Reason)
	if e.Remedy != "" {
		msg += "; " + e.Remedy
	}
	return msg
}

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// Passing reports whether waiting may be enough, as it is for a server that is being started.
func (e *ConnectError) Passing() bool {
	return slices.Contains([]Kind{DNS, Refused, Unreachable, Timeout, Dropped, StartingUp, TooMany}, e.Kind)
}
