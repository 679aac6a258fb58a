package database

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// config makes pgx's configuration of t. pgx takes no configuration but its parser's, and that parser lets PG*
// variables and files of the home directory fill in what the string leaves out: so the string names every key
// that it knows, and whatever else it may have gathered is overwritten. The password never enters the string.
func (t Target) config() (*pgx.ConnConfig, error) {
	t = t.withDefaults()
	if _, err := t.certificates(); err != nil {
		return nil, err
	}
	service, remove, err := emptyService()
	if err != nil {
		return nil, err
	}
	defer remove()
	cfg, err := pgx.ParseConfig(t.keyValue() + service)
	if err != nil {
		return nil, errors.New("configure the driver: it does not accept these settings") // its text may quote them
	}
	cfg.Password = t.Password.Reveal()
	cfg.RuntimeParams = map[string]string{"application_name": t.Application}
	if t.Options != "" {
		cfg.RuntimeParams["options"] = t.Options
	}
	if t.Schema != "" {
		cfg.RuntimeParams["search_path"] = t.Schema
	}
	cfg.ConnectTimeout = 0 // the context has the deadline, for all attempts together
	cfg.DialFunc = dial
	cfg.AfterNetConnect = forbidCleartext
	if at := t.pinned(); at.IsValid() {
		cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{at.String()}, nil }
	}
	return cfg, nil
}

// forbidCleartext forbids the login that sends the password as it is, for a connection that others can listen to.
// The driver looks at RequireAuth anew for each connection.
func forbidCleartext(_ context.Context, cfg *pgconn.Config, c net.Conn) (net.Conn, error) {
	cfg.RequireAuth = ""
	if _, encrypted := c.(*tls.Conn); !encrypted && !local(c) {
		cfg.RequireAuth = "!password"
	}
	return c, nil
}

// local tells whether a connection does not leave this machine.
func local(c net.Conn) bool {
	at, ok := c.RemoteAddr().(*net.TCPAddr)
	return !ok || at.IP.IsLoopback()
}

// keyValue lists every key that pgconn 5.12 reads from the environment or the home directory, but the service.
func (t Target) keyValue() string {
	var b strings.Builder
	for _, kv := range [][2]string{
		{"host", t.Host},
		{"port", strconv.Itoa(int(t.Port))},
		{"user", t.User},
		{"password", ""},
		{"passfile", os.DevNull},
		{"dbname", t.Database},
		{"sslmode", t.mode()},
		{"sslrootcert", t.SSLRootCert},
		{"sslcert", t.SSLCert},
		{"sslkey", t.SSLKey},
		{"sslcertmode", "allow"},
		{"sslpassword", ""},
		{"sslsni", "1"},
		{"sslnegotiation", "postgres"},
		{"connect_timeout", seconds(t.ConnectTimeout)},
		{"target_session_attrs", "any"},
		{"min_protocol_version", "3.0"},
		{"max_protocol_version", "3.0"},
		{"channel_binding", cmp.Or(t.ChannelBinding, "prefer")},
		{"require_auth", ""},
		{"options", ""},
		{"timezone", ""},
		{"application_name", t.Application},
	} {
		fmt.Fprintf(&b, "%s='%s' ", kv[0], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(kv[1]))
	}
	return b.String()
}

// emptyService returns keys that neutralise PGSERVICE. That one cannot be emptied: once it is set, the parser
// looks its value up in a service file, so it gets a name and a file of ours with nothing under that name.
func emptyService() (keys string, remove func(), err error) {
	if os.Getenv("PGSERVICE") == "" {
		return "", func() {}, nil
	}
	f, err := os.CreateTemp("", "poststack-service-")
	if err != nil {
		return "", nil, fmt.Errorf("neutralise PGSERVICE: %w", err)
	}
	remove = func() { _ = os.Remove(f.Name()) }
	if _, err = f.WriteString("[poststack]\n"); err == nil {
		err = f.Close()
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("neutralise PGSERVICE: %w", err)
	}
	return fmt.Sprintf("service=poststack servicefile='%s'", strings.ReplaceAll(f.Name(), `'`, `\'`)), remove, nil
}
