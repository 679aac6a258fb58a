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
	t := Target{Password: secret.Value(w.password), User: w.user}
	if err := w.apply(&t); err != nil {
		return Target{}, err
	}
	t.Host, t.Database = w.host, w.database
	if t.Host == "" && t.HostAddr.IsValid() {
		t.Host = t.HostAddr.String() // as libpq does
	}
	if err := checkHost(t.Host); err != nil {
		return Target{}, err
	}
	if err := t.setPort(w.port); err != nil {
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

// setPort reads the port; "" is the default.
func (t *Target) setPort(text string) error {
	if text == "" {
		return nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return wrong("port", "is not a number from 1 to 65535",
			`write HOST:PORT/DATABASE, and percent-encode ":", "/" and "@" in user and password`)
	}
	t.Port = uint16(port)
	return nil
}

// apply puts the parameters into t.
func (w *written) apply(t *Target) error {
	seen := map[string]bool{
		"password": w.hasPassword, "user": w.user != "", "host": w.host != "", "port": w.port != "",
		"dbname": w.database != "",
	}
	for i, p := range w.parameters {
		name := canonical(p.name)
		switch {
		case seen[name]:
			return wrong("parameter "+w.shown(i), "is given twice", "keep one")
		case p.value == "" && name != "password":
			return wrong("parameter "+w.shown(i), "is empty", "write a value, or leave it out")
		}
		seen[name] = true
		if err := w.set(t, i, name); err != nil {
			return err
		}
	}
	return nil
}

// set puts parameter i, whose canonical name is name, into t, or what belongs to the address into w.
func (w *written) set(t *Target, i int, name string) error {
	value := w.parameters[i].value
	place := map[string]*string{
		"user": &t.User, "sslmode": &t.SSLMode, "sslrootcert": &t.SSLRootCert, "sslcert": &t.SSLCert, "sslkey": &t.SSLKey,
		"channel_binding": &t.ChannelBinding, "application_name": &t.Application, "passfile": &t.PassPath,
		"host": &w.host, "port": &w.port, "dbname": &w.database,
	}[name]
	if place != nil {
		*place = value
		return nil
	}
	switch name {
	case "password":
		t.Password = secret.Value(value)
	case "hostaddr":
		ip, err := netip.ParseAddr(value)
		if err != nil || ip.IsUnspecified() || ip.Zone() != "" {
			return wrong("parameter hostaddr", "is not an IP address",
				"write the address of the server that host names, or leave it out")
		}
		t.HostAddr = ip
	case "connect_timeout":
		return w.setTimeout(t, value)
	case "currentSchema":
		return setSchema(t, w.parameters[i].name, value)
	case "options":
		return setOptions(t, value)
	default:
		return w.other(i)
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

// shown names parameter i. When the password is one of the parameters, an unencoded "&" or space could have
// made a piece of it a name, so names that are not known are given by their position.
func (w *written) shown(i int) string {
	name := w.parameters[i].name
	if slices.Contains(known(), canonical(name)) {
		return name
	}
	secrets := slices.ContainsFunc(w.parameters, func(p parameter) bool { return strings.Contains(p.name, "pass") })
	if secrets || !regexp.MustCompile(`^[A-Za-z_.]{1,32}$`).MatchString(name) {
		return strconv.Itoa(i + 1)
	}
	return name
}
