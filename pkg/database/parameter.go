package database

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/secret"
)

const maxConnectTimeout = time.Hour

var errSeveralHosts = wrong("host", "is a list", "name the one server that can be written to")

// target judges what was written and fills in the defaults.
func (w *written) target() (Target, error) {
	var t Target
	if err := w.apply(&t); err != nil {
		return Target{}, err
	}
	if t.Host == "" && t.HostAddr.IsValid() {
		t.Host = t.HostAddr.String() // as libpq does
	}
	if err := checkHost(t.Host); err != nil {
		return Target{}, err
	}
	if t.User == "" {
		return Target{}, wrong("user name", "is missing", "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	if t.Database == "" {
		t.Database = t.User // as libpq and the JDBC driver do
		w.note("the URL names no database, so the one named like the user is taken, %q", t.Database)
	}
	if err := checkTLS(&t); err != nil {
		return Target{}, err
	}
	return t.withDefaults(), nil
}

// apply puts the parameters into t.
func (w *written) apply(t *Target) error {
	seen := map[string]bool{}
	for _, p := range w.parameters {
		name := canonical(p.name)
		switch {
		case seen[name]:
			return wrong("parameter "+w.shown(p), "is given twice", "keep one")
		case p.value == "" && name != "password":
			return wrong("parameter "+w.shown(p), "is empty", "write a value, or leave it out")
		}
		seen[name] = true
		if err := w.set(t, p, name); err != nil {
			return err
		}
	}
	return nil
}

// set puts a parameter, whose canonical name is name, into t.
func (w *written) set(t *Target, p parameter, name string) error {
	place := map[string]*string{
		"user": &t.User, "sslmode": &t.SSLMode, "sslrootcert": &t.SSLRootCert, "sslcert": &t.SSLCert, "sslkey": &t.SSLKey,
		"channel_binding": &t.ChannelBinding, "application_name": &t.Application, "passfile": &t.PassPath,
		"host": &t.Host, "dbname": &t.Database,
	}[name]
	if place != nil {
		*place = p.value
		return nil
	}
	switch name {
	case "password":
		t.Password = secret.Value(p.value)
	case "port":
		port, err := strconv.ParseUint(p.value, 10, 16)
		if err != nil || port == 0 {
			return wrong("port", "is not a number from 1 to 65535",
				`write HOST:PORT/DATABASE, and percent-encode ":", "/" and "@" in user and password`)
		}
		t.Port = uint16(port)
	case "hostaddr":
		ip, err := netip.ParseAddr(p.value)
		if err != nil || ip.IsUnspecified() || ip.Zone() != "" {
			return wrong("parameter hostaddr", "is not an IP address",
				"write the address of the server that host names, or leave it out")
		}
		t.HostAddr = ip
	case "connect_timeout":
		return w.setTimeout(t, p.value)
	case "currentSchema":
		return setSchema(t, p.name, p.value)
	case "options":
		return setOptions(t, p.value)
	default:
		return w.other(p)
	}
	return nil
}

// setTimeout reads a number of seconds. To libpq, 0 and less mean no limit.
func (w *written) setTimeout(t *Target, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil {
		return wrong("parameter connect_timeout", "is not a number of seconds",
			"write one, such as 10; 0 waits as long as POSTSTACK_TIMEOUT_CONNECT lets it")
	}
	if n <= 0 || n > int(maxConnectTimeout/time.Second) {
		n = int(maxConnectTimeout / time.Second)
		w.note("connect_timeout is no limit: POSTSTACK_TIMEOUT_CONNECT ends the wait")
	}
	t.ConnectTimeout = time.Duration(n) * time.Second
	return nil
}

// shown names a parameter. When the password is one of the parameters, an unencoded "&" or space could have
// made a piece of it a name, so names that are not known are given by their position.
func (w *written) shown(p parameter) string {
	secrets := slices.ContainsFunc(w.parameters, func(p parameter) bool {
		return p.number > 0 && strings.Contains(p.name, "pass")
	})
	if slices.Contains(known(), canonical(p.name)) ||
		!secrets && regexp.MustCompile(`^[A-Za-z_.]{1,32}$`).MatchString(p.name) {
		return p.name
	}
	return strconv.Itoa(p.number)
}
