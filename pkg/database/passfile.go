package database

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/secret"
)

// PassFile returns the content of a password file (PGPASSFILE) that holds for every server, with ":" and "\"
// escaped as both libpq and the JDBC driver read them. It is nil when there is no password.
func (t Target) PassFile() []byte {
	if t.Password == "" {
		return nil
	}
	return []byte("*:*:*:*:" + escapePass(t.Password.Reveal()) + "\n")
}

// AddPass returns file, which is the content of a password file, with the line for t and without an older one of
// the same server, database and user.
func (t Target) AddPass(file []byte) []byte {
	host, port, database, user := t.passKey()
	if host = escapePass(host); t.Socket() != "" {
		host = "*" // libpq has another name for its default directory
	}
	head := host + ":" + port + ":" + escapePass(database) + ":" + escapePass(user) + ":"
	var out bytes.Buffer
	for line := range bytes.Lines(file) {
		if !bytes.HasPrefix(line, []byte(head)) {
			out.Write(bytes.TrimRight(line, "\n"))
			out.WriteByte('\n')
		}
	}
	out.WriteString(head + escapePass(t.Password.Reveal()) + "\n")
	return out.Bytes()
}

// passKey is what libpq looks for in a password file. Source: PostgreSQL manual, "The Password File".
func (t Target) passKey() (host, port, database, user string) {
	return t.Host, strconv.Itoa(int(t.withDefaults().Port)), t.Database, t.User
}

// WithPassFile returns t with the password from the file that the parameter passfile names. Like libpq, it refuses
// a file that others can read.
func (t Target) WithPassFile() (Target, error) {
	if t.PassPath == "" || t.Password != "" {
		return t, nil
	}
	info, err := os.Stat(t.PassPath)
	if err != nil {
		return t, fmt.Errorf("read passfile: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return t, fmt.Errorf("read passfile: %q is not a file that only its owner can read: chmod 600", t.PassPath)
	}
	content, err := os.ReadFile(t.PassPath)
	if err != nil {
		return t, fmt.Errorf("read passfile: %w", err)
	}
	host, port, database, user := t.passKey()
	is := func(pattern, value string) bool { return pattern == "*" || pattern == value }
	for line := range strings.Lines(string(content)) {
		f := passLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		for i := range f {
			f[i] = escape.ReplaceAllString(f[i], "$1")
		}
		if f != nil && !strings.HasPrefix(line, "#") && (is(f[1], host) || t.Socket() != "" && f[1] == "localhost") &&
			is(f[2], port) && is(f[3], database) && is(f[4], user) {
			t.Password = secret.Value(f[5])
			return t, nil
		}
	}
	return t, fmt.Errorf("read passfile: %q has no line for user %q of database %q at %s",
		t.PassPath, user, database, net.JoinHostPort(host, port))
}

// passLine takes a line apart at its first four colons; a backslash takes the next character as it is.
var passLine = regexp.MustCompile(`^` + strings.Repeat(`((?:[^:\\]|\\.)*):`, 4) + `(.*)`)
