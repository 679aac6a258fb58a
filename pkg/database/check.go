package database

import (
	"net/netip"
	"regexp"
	"strings"
)

// checkHost lets through what both resolvers take for the same server, a DNS name or an IP address, and the
// absolute directory of a Unix socket.
func checkHost(host string) error {
	switch {
	case host == "":
		return wrong("host", "is missing",
			"write HOST:PORT/DATABASE; for this machine write 127.0.0.1, or ?host=DIRECTORY for the directory of a Unix socket")
	case strings.Contains(host, ","):
		return errSeveralHosts
	case strings.HasPrefix(host, "/"):
		return nil
	case strings.HasPrefix(host, "@"):
		return wrong("host", "is an abstract Unix socket", "write the directory of one that is a file, or 127.0.0.1:PORT")
	case strings.Contains(host, "%"):
		return wrong("host", "is an IPv6 address with a zone", "write a name that resolves to it")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.IsUnspecified() {
			return wrong("host", "is an address to listen on, not to connect to", "for this machine write 127.0.0.1")
		}
		return nil
	}
	plain := regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)
	if !plain.MatchString(host) || strings.Contains(host, "..") {
		return wrong("host", "is neither a name nor an IP address", `percent-encode "@", "/" and ":" in user and password`)
	}
	if strings.Trim(host, "0123456789.") == "" {
		return wrong("host", "is not a whole IPv4 address", "write four numbers")
	}
	return nil
}

// checkTLS refuses what the two drivers would understand differently. libpq and pgx read require with a root
// certificate as verify-ca, the JDBC driver does not: so it becomes verify-ca for both.
func checkTLS(t *Target) error {
	switch t.SSLMode {
	case "", "disable", "allow", "prefer", "require", "verify-ca", "verify-full":
	case "no-verify": // node-postgres' word for TLS that checks no certificate
		if t.SSLRootCert != "" {
			return wrong("parameter sslrootcert", "has no effect with sslmode=no-verify", "write sslmode=verify-full")
		}
		t.SSLMode = "require"
	default:
		return wrong("parameter sslmode", "has an unknown value",
			"use disable, allow, prefer, require, verify-ca or verify-full")
	}
	if t.SSLMode == "require" && t.SSLRootCert != "" {
		t.SSLMode = "verify-ca"
	}
	if err := checkBinding(t); err != nil {
		return err
	}
	verifies := strings.HasPrefix(t.SSLMode, "verify-")
	switch {
	case t.SSLRootCert == "system" || verifies && t.SSLRootCert == "":
		return wrong("parameter sslrootcert", "does not name a file",
			"write the CA's PEM file; on Debian all public ones are in /etc/ssl/certs/ca-certificates.crt")
	case t.SSLRootCert != "" && !verifies:
		return wrong("parameter sslrootcert", "has no effect with this sslmode", "write sslmode=verify-full")
	case (t.SSLCert == "") != (t.SSLKey == ""):
		return wrong("parameters sslcert and sslkey", "go together", "give both or none")
	case t.SSLCert != "" && t.SSLMode == "disable":
		return wrong("parameter sslcert", "has no effect with sslmode=disable", "write sslmode=require")
	}
	return nil
}

// checkBinding sees to it that a login which is bound to its TLS connection has one.
func checkBinding(t *Target) error {
	switch t.ChannelBinding {
	case "", "prefer": // what is done without a word
		t.ChannelBinding = ""
	case "disable":
	case "require":
		switch {
		case t.SSLMode == "disable" || t.Socket() != "":
			return wrong("parameter channel_binding", "needs TLS, which this connection has not",
				"write sslmode=require, or leave it out")
		case !strings.HasPrefix(t.SSLMode, "verify-"):
			t.SSLMode = "require"
		}
	default:
		return wrong("parameter channel_binding", "has an unknown value", "use disable, prefer or require")
	}
	return nil
}
