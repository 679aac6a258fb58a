package database

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// URLError is a connection URL that cannot be used. Nothing in it is copied from the URL's user, password,
// address or values, so it can be shown to anyone.
type URLError struct {
	Part   string // "password", "host", "parameter sslmode" …
	Reason string // what is wrong with it
	Remedy string // what to write instead; may be empty
}

func wrong(part, reason, remedy string) *URLError { return &URLError{part, reason, remedy} }

// Error is one line: part, reason, remedy.
func (e *URLError) Error() string {
	msg := fmt.Sprintf("parse database URL: %s %s", e.Part, e.Reason)
	if e.Remedy != "" {
		msg += "; " + e.Remedy
	}
	return msg
}

// written is what a connection string says, decoded, before it is judged.
type written struct {
	parameters []parameter
	notes      []string // for whoever wrote it
}

type parameter struct {
	name, value string
	number      int // counted from 1; 0 of what stands in the address
}

// take decodes what stands in the address, if there is something.
func (w *written) take(name, part, raw, reserved string) error {
	value, err := decode(part, raw, reserved)
	if value != "" {
		w.parameters = append(w.parameters, parameter{name, value, 0})
	}
	return err
}

// ReadURL reads a postgres:// or postgresql:// URL, a key=value string as libpq knows it, or a
// jdbc:postgresql:// URL. It is stricter than any of those: reserved characters must be percent-encoded,
// parameters must be known, there is one server, and a schema is one plain name. Space around the whole is
// ignored. Errors are *[URLError]. The notes, one line each, are about what was left out or assumed.
//
// A missing port is 5432, a missing database is named like the user, a missing sslmode is prefer. The host and
// the user must be written. A host that begins with a slash is the directory of a Unix socket.
func ReadURL(raw string) (t Target, notes []string, err error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return t, nil, wrong("URL", "is empty", "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	if !utf8.ValidString(raw) || strings.ContainsFunc(raw, unicode.IsControl) {
		return t, nil, wrong("URL", "holds control characters or is not UTF-8", "percent-encode what belongs to it")
	}
	w, err := read(raw)
	if err != nil {
		return t, nil, err
	}
	t, err = w.target()
	return t, w.notes, err
}

// read tells the three forms apart by what comes first, a colon or an equals sign.
func read(raw string) (written, error) {
	if strings.ContainsAny(raw[:1], "\"'`") {
		return written{}, wrong("URL", "begins with a quote",
			"leave the quotes out: they belong to the shell, not to the value")
	}
	if m := inFront.FindStringSubmatch(raw); m != nil && m[1] != "password" {
		return written{}, wrong("URL", "has a command or the name of a variable in front of it", "begin with postgresql://")
	}
	i := strings.IndexAny(raw, ":=")
	if i >= 0 && raw[i] == '=' {
		return readKeyValue(raw)
	}
	switch m := scheme.FindStringSubmatch(raw); {
	case m == nil:
		return written{}, wrong("scheme", "is not one of PostgreSQL's",
			"begin with postgresql:// or jdbc:postgresql://, or write host=… dbname=… user=…")
	case m[2] == "+":
		return written{}, wrong("scheme", `names a driver behind a "+", which is another program's`,
			"begin with postgresql://")
	case m[2] == ":":
		return written{}, wrong("address", `does not begin with "//"`, "write HOST:PORT/DATABASE after two slashes")
	default:
		return readAddress(m[3], m[1] != "")
	}
}

// scheme takes the beginning of a URL from the address behind it.
var scheme = regexp.MustCompile(`^(?i)(jdbc:)?postgres(?:ql)?(\+|:(?://)?)(.*)$`)

// inFront finds what people copy together with a URL: "psql '" or "export DATABASE_URL=".
var inFront = regexp.MustCompile(`^(?:export +)?([\w./-]+)[ =]+["']?(?:jdbc:)?postgres(?:ql)?://`)

// readAddress reads what follows the two slashes. Everything before the last "@" is user and password: whoever
// left an "@", "/" or "?" of the password unencoded is told so, instead of half the password becoming a host.
func readAddress(s string, jdbc bool) (w written, err error) {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if _, query, ok := strings.Cut(s[:at], "?"); ok && (jdbc || strings.Contains(query, "password=")) {
			return w, wrong("password or another parameter", `holds "@" or "?" as it is`, "write %40, %3F")
		}
		if err := w.readUser(s[:at]); err != nil {
			return w, err
		}
		s = s[at+1:]
	}
	if strings.Contains(s, "#") {
		return w, wrong("URL", `holds a "#" as it is`, "write %23 if it belongs to a value")
	}
	s, query, hasQuery := strings.Cut(s, "?")
	hostPort, database, _ := strings.Cut(s, "/")
	if strings.Contains(database, "/") {
		return w, wrong("database name", `holds a "/" as it is`, "write %2F if it belongs to the name, else leave it out")
	}
	if err := w.take("dbname", "database name", database, ""); err != nil {
		return w, err
	}
	if err := w.readHost(hostPort); err != nil {
		return w, err
	}
	if hasQuery {
		return w, w.readQuery(query, jdbc)
	}
	return w, nil
}

// readUser takes "user" or "user:password" apart at the first colon.
func (w *written) readUser(s string) error {
	user, password, hasPassword := strings.Cut(s, ":")
	part := "user name"
	if !hasPassword && strings.ContainsAny(user, "/?#") {
		part = "user name or password" // or an @ far behind them
	}
	if err := w.take("user", part, user, "@/?#"); err != nil {
		return err
	}
	return w.take("password", "password", password, "@/?#")
}

// readHost takes "host", "host:port", "[v6]" or "[v6]:port" apart.
func (w *written) readHost(s string) error {
	if strings.Contains(s, ",") {
		return errSeveralHosts // also the ports are a list then
	}
	var host, port string
	switch end := strings.LastIndexByte(s, ']'); {
	case strings.HasPrefix(s, "["):
		if end < 0 || end+1 < len(s) && s[end+1] != ':' {
			return wrong("host", "begins with [ and has no matching ]", "write [ADDRESS]:PORT")
		}
		host, port = s[1:end], strings.TrimPrefix(s[end+1:], ":")
		if !strings.Contains(host, ":") {
			return wrong("host", "in brackets is no IPv6 address", "leave the brackets out")
		}
	case strings.Count(s, ":") > 1:
		return wrong("address", "holds several colons", "put an IPv6 address into brackets: [ADDRESS]:PORT")
	default:
		host, port, _ = strings.Cut(s, ":")
	}
	if port != "" {
		w.parameters = append(w.parameters, parameter{"port", port, 0})
	}
	return w.take("host", "host", host, "")
}

// readQuery reads the parameters. The JDBC driver takes "+" for a space and everyone else takes it for a plus,
// so in a JDBC URL it must be encoded.
func (w *written) readQuery(s string, jdbc bool) error {
	if s = strings.TrimSuffix(s, "&"); s == "" {
		return nil
	}
	reserved := "?"
	if jdbc {
		reserved = "?+"
	}
	for i, pair := range strings.Split(s, "&") {
		name, value, ok := strings.Cut(pair, "=")
		part := fmt.Sprintf("parameter %d", i+1)
		if strings.HasPrefix(name, "amp;") {
			return wrong(part, `begins with "amp;"`, "write & between parameters, not &amp;")
		}
		if !ok {
			return wrong(part, `has no "="`, "write NAME=VALUE; if & belongs to a value, write %26")
		}
		name, err := decode(part, name, reserved)
		if err != nil {
			return err
		}
		if value, err = decode(part, value, reserved); err != nil {
			return err
		}
		w.parameters = append(w.parameters, parameter{name, value, i + 1})
	}
	return nil
}
