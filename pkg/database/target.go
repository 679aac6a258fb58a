// Package database knows one PostgreSQL server: how people write its address, how to reach it, what is wrong
// when that does not work, and what it can do. The Go side (pgx) and Liquibase (JDBC) get their settings from
// one [Target], so that what is verified is what is migrated; nothing is read from PG* variables, password
// files or service files.
package database

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/secret"
)

// The defaults of what a connection URL leaves out.
const (
	DefaultPort           uint16 = 5432
	DefaultSSLMode               = "prefer" // libpq's, pgx's and the JDBC driver's own default
	DefaultConnectTimeout        = 10 * time.Second
	ApplicationName              = "poststack"
)

// Target is one database on one server and how to log in. Make it with [ReadURL], or fill in Host, User and
// Database: a zero Port, SSLMode, ApplicationName or ConnectTimeout means the default above. Targets can be
// compared. Every way of printing one leaves the password out.
type Target struct {
	Host           string     // name or IP address, without brackets, or the directory of a Unix socket
	HostAddr       netip.Addr // hostaddr: where Host is, so that it is not looked up
	Port           uint16
	User           string
	Password       secret.Value // "" sends none; no other source of passwords is asked
	PassPath       string       // passfile: see [Target.WithPassFile]
	Database       string
	Schema         string // where objects go, as the only entry of search_path; "" leaves that to the server
	Options        string // what else the server gets as options, such as "-c work_mem=8MB"
	SSLMode        string // disable, allow, prefer, require, verify-ca or verify-full
	SSLRootCert    string // path of a PEM file on this machine; goes with verify-ca and verify-full
	SSLCert        string // path of a client certificate in PEM; together with SSLKey
	SSLKey         string
	ChannelBinding string        // disable, require, or "" for where it is possible
	Application    string        // application_name, as pg_stat_activity shows it
	ConnectTimeout time.Duration // from the look-up of the name to the end of the login

	Reached Reached // what answered at the last verification; the zero value means any
}

// withDefaults returns t with its zero values filled in.
func (t Target) withDefaults() Target {
	t.Port, t.SSLMode = cmp.Or(t.Port, DefaultPort), cmp.Or(t.SSLMode, DefaultSSLMode)
	t.Application = cmp.Or(t.Application, ApplicationName)
	t.ConnectTimeout = cmp.Or(t.ConnectTimeout, DefaultConnectTimeout)
	return t
}

// URL returns the URL with the password in it, in the form that psql, pgx and [ReadURL] read alike. It is
// for "mage db:url" only; everywhere else show [Target.Redacted].
func (t Target) URL() string { return t.url(true) }

// Redacted returns the URL without the password. psql asks for one when it is given this.
func (t Target) Redacted() string { return t.url(false) }

// String is [Target.Redacted].
func (t Target) String() string { return t.Redacted() }

// GoString is [Target.Redacted], for %#v.
func (t Target) GoString() string { return t.Redacted() }

// MarshalText is [Target.Redacted], for JSON and YAML.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.Redacted()), nil }

// Socket returns the path of the Unix socket that Host means, or "".
func (t Target) Socket() string {
	if !strings.HasPrefix(t.Host, "/") {
		return ""
	}
	return path.Join(t.Host, ".s.PGSQL."+strconv.Itoa(int(t.withDefaults().Port)))
}

// Place says in words which database this is, and on which server.
func (t Target) Place() string {
	if socket := t.Socket(); socket != "" {
		return fmt.Sprintf("database %q at %s", t.Database, socket)
	}
	text := fmt.Sprintf("database %q at %s", t.Database, t.Address())
	if at := t.pinned(); at.IsValid() && at.String() != t.Host {
		text += " (" + at.String() + ")"
	}
	return text
}

// Address returns "host:port", with an IPv6 address in brackets.
func (t Target) Address() string {
	return net.JoinHostPort(t.Host, strconv.Itoa(int(t.withDefaults().Port)))
}

func (t Target) url(withPassword bool) string {
	t = t.withDefaults()
	var b strings.Builder
	b.WriteString("postgresql://")
	b.WriteString(encode(t.User))
	if withPassword && t.Password != "" {
		b.WriteString(":" + encode(t.Password.Reveal()))
	}
	address, socket := t.Address(), t.Socket() != ""
	if socket {
		address = ""
	}
	b.WriteString("@" + address + "/" + encode(t.Database) + "?sslmode=" + encode(t.SSLMode))
	add := func(name, value string) {
		if value != "" {
			b.WriteString("&" + name + "=" + encode(value))
		}
	}
	if socket { // pgx reads no encoded slash in the address
		add("host", t.Host)
		add("port", strconv.Itoa(int(t.Port)))
	}
	if t.HostAddr.IsValid() {
		add("hostaddr", t.HostAddr.String())
	}
	add("sslrootcert", t.SSLRootCert)
	add("sslcert", t.SSLCert)
	add("sslkey", t.SSLKey)
	add("channel_binding", t.ChannelBinding)
	add("options", t.options())
	if t.Application != ApplicationName {
		add("application_name", t.Application)
	}
	if t.ConnectTimeout != DefaultConnectTimeout {
		add("connect_timeout", seconds(t.ConnectTimeout))
	}
	if !withPassword || t.Password == "" {
		add("passfile", t.PassPath)
	}
	return b.String()
}

// options are the schema and the other settings as one parameter.
func (t Target) options() string {
	if t.Schema == "" {
		return t.Options
	}
	return strings.TrimSpace("-c search_path=" + t.Schema + " " + t.Options)
}

// Secrets returns every spelling of the password that this package writes, for [secret.Set.Add].
func (t Target) Secrets() []string {
	if t.Password == "" {
		return nil
	}
	p := t.Password.Reveal()
	return []string{p, encode(p), escapePass(p)}
}

// WithHost returns t as it is reached under another address, such as a container's name on a network.
func (t Target) WithHost(host string, port uint16) Target {
	t.Host, t.Port, t.HostAddr, t.Reached = host, port, netip.Addr{}, Reached{}
	return t
}

// Loopback reports whether the connection does not leave this machine. It does not resolve names: until one was
// reached, localhost and *.localhost count.
func (t Target) Loopback() bool {
	if t.Socket() != "" {
		return true
	}
	if at := t.pinned(); at.IsValid() {
		return at.IsLoopback()
	}
	if ip, err := netip.ParseAddr(t.Host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host := strings.ToLower(strings.TrimSuffix(t.Host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func escapePass(p string) string { return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(p) }

// seconds rounds up: a timeout below a second must not become 0, which means for ever.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// encode percent-encodes everything but RFC 3986's unreserved characters, so that no reader, whatever its
// rules for "+" or ":", can take it for something else.
func encode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
