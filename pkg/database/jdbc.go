package database

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// noCleartext is a class of the launcher in containers/java. It gives the JDBC driver no password for a server that
// asks for it as it is.
const noCleartext = "org.poststack.liquibase.NoCleartext"

// minLogin is the least time that the JDBC driver gets for a login after the connection is there. Java loads the
// driver's classes in it: seen to take 10 seconds on 2 cores with 30 processes waiting for them.
const minLogin = time.Minute

// Networked is an error if the server has no address, so that a container cannot reach it.
func (t Target) Networked() error {
	if t.Socket() == "" {
		return nil
	}
	return wrong("host", "is a Unix socket, which Liquibase's container cannot reach",
		"let the server listen on TCP and write 127.0.0.1:PORT")
}

// JDBC returns the URL for the JDBC driver, without user and password: those go by Liquibase's --username and
// by [Target.PassFile]. Certificates are named as [Target.ClientFiles] puts them into the container. The driver
// knows no fixed address beside a name: with TLS, where the name counts, that is left to [Target.Hosts].
func (t Target) JDBC() string {
	t = t.withDefaults()
	mode, address := t.mode(), t.Address()
	if at := t.pinned(); at.IsValid() && len(t.Hosts()) == 0 {
		address = net.JoinHostPort(at.String(), strconv.Itoa(int(t.Port)))
	}
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			b.WriteString("&" + name + "=" + encode(value))
		}
	}
	switch {
	case t.bound() && mode == "require": // the very certificate that the login was bound to
		mode = "verify-ca"
		fallthrough
	case t.bound(), t.SSLRootCert != "":
		add("sslrootcert", ClientRootCert)
	}
	if t.SSLCert != "" {
		add("sslcert", ClientCert)
		add("sslkey", ClientKey)
	}
	add("currentSchema", t.Schema)
	add("options", t.Options)
	add("ApplicationName", t.Application)
	add("connectTimeout", seconds(t.ConnectTimeout))
	add("loginTimeout", seconds(max(t.ConnectTimeout, minLogin)))
	add("gssEncMode", "disable") // pgx knows no GSS encryption, so neither may the other side use it
	if !encrypted(mode) && !t.Loopback() {
		add("authenticationPluginClassName", noCleartext)
	}
	return "jdbc:postgresql://" + address + "/" + encode(t.Database) + "?sslmode=" + encode(mode) + b.String()
}

// Hosts is a hosts file that leads the name of the server to the address that answered, for the option
// jdk.net.hosts.file of Java; nil where the name does not matter.
func (t Target) Hosts() []byte {
	_, err := netip.ParseAddr(t.Host)
	if at := t.pinned(); err != nil && at.IsValid() && t.mode() != "disable" {
		return []byte(at.String() + " " + t.Host + "\n")
	}
	return nil
}

// encrypted tells whether a connection with that sslmode has TLS or fails.
func encrypted(mode string) bool { return mode == "require" || strings.HasPrefix(mode, "verify-") }
