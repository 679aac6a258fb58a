package config

import (
	"errors"
	"fmt"
	"net/mail"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/poststack/poststack/pkg/secret"
)

// text reads a value that check may bring into its normal form.
func text(field func(*Config) *string, check func(string) (string, error)) setter {
	return func(c *Config, _ scope, raw string) (string, error) {
		value, err := check(raw)
		if err == nil {
			*field(c) = value
		}
		return value, err
	}
}

// oneOf reads one of a few words, in any case.
func oneOf(field func(*Config) *string, allowed ...string) setter {
	return text(field, func(raw string) (string, error) {
		word := strings.ToLower(raw)
		if !slices.Contains(allowed, word) {
			return "", errors.New("is not known")
		}
		return word, nil
	})
}

// whole reads a whole number from low to high.
func whole(set func(*Config, int), low, high int) setter {
	return func(c *Config, _ scope, raw string) (string, error) {
		n, err := strconv.Atoi(raw)
		switch {
		case errors.Is(err, strconv.ErrRange) || err == nil && (n < low || n > high):
			return "", errors.New("is out of range")
		case err != nil:
			return "", errors.New("is not a whole number")
		}
		set(c, n)
		return strconv.Itoa(n), nil
	}
}

// period reads a duration above zero.
func period(field func(*Config) *time.Duration) setter {
	return func(c *Config, _ scope, raw string) (string, error) {
		d, err := time.ParseDuration(raw)
		switch {
		case err != nil:
			return "", errors.New("is not a duration")
		case d <= 0:
			return "", errors.New("is not positive")
		}
		*field(c) = d
		return raw, nil
	}
}

// localPath reads a path on this machine: absolute, below the home directory (~/), or relative to the checkout.
func localPath(field func(*Config) *string) setter {
	return func(c *Config, s scope, raw string) (string, error) {
		value, err := hostPath(s, raw)
		if err == nil {
			*field(c) = value
		}
		return value, err
	}
}

// absolutePath reads a path on this machine that does not depend on the checkout.
func absolutePath(field func(*Config) *string) setter {
	return func(c *Config, s scope, raw string) (string, error) {
		if relative(raw) {
			return "", errors.New("is a relative path")
		}
		return localPath(field)(c, s, raw)
	}
}

func hostPath(s scope, raw string) (string, error) {
	if _, err := oneLine(raw); err != nil {
		return "", err
	}
	if rest, ok := strings.CutPrefix(raw, "~"); ok && (rest == "" || rest[0] == '/') {
		home := s.env["HOME"]
		if !filepath.IsAbs(home) {
			return "", errors.New("needs HOME, which is not set")
		}
		raw = filepath.Join(home, rest)
	}
	switch {
	case relative(raw):
		raw = filepath.Join(s.root, raw)
	case !filepath.IsAbs(raw): // it would be made as a directory of that name, in a place that nobody looks at
		return "", fmt.Errorf("begins with %c, which only a shell replaces: write the whole path, or ./ before it", raw[0])
	}
	return filepath.Clean(raw), nil
}

// tlsSource reads where the own server's certificate comes from.
func tlsSource(c *Config, s scope, raw string) (string, error) {
	if word := strings.ToLower(raw); word == TLSOff || word == TLSOwn {
		c.Database.TLS = word
		return word, nil
	}
	return localPath(func(c *Config) *string { return &c.Database.TLS })(c, s, raw)
}

// databaseURL keeps the URL as it is: package database reads it, and says what is wrong with it.
func databaseURL(c *Config, _ scope, raw string) (string, error) {
	c.Database.URL = secret.Value(raw)
	return c.Database.URL.String(), nil
}

// oneLine refuses control characters and what is not UTF-8.
func oneLine(raw string) (string, error) {
	if !utf8.ValidString(raw) {
		return "", errors.New("is not UTF-8")
	}
	if strings.ContainsFunc(raw, unicode.IsControl) {
		return "", errors.New("holds a control character")
	}
	return raw, nil
}

// contextNames are names of contexts. Liquibase takes an expression given here for a name, which no changeset has.
func contextNames(raw string) (string, error) {
	for name := range strings.SplitSeq(raw, ",") {
		if strings.ContainsAny(strings.TrimSpace(name), " ()!&|") {
			return "", fmt.Errorf("holds %q, which is no name; expressions of contexts stand with the changesets", name)
		}
	}
	return oneLine(raw)
}

// hostName follows RFC 1123, section 2.1. A name whose last label is all digits would be read as an address.
func hostName(raw string) (string, error) {
	name := strings.ToLower(raw)
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if !label.MatchString(l) {
			return "", errors.New("is not a host name")
		}
	}
	if len(name) > 253 {
		return "", errors.New("is longer than 253 bytes")
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", errors.New("is an address, not a host name")
	}
	return name, nil
}

// emailAddress accepts a bare address, without a name or brackets.
func emailAddress(raw string) (string, error) {
	address, err := mail.ParseAddress(raw)
	if err != nil || address.Address != raw {
		return "", errors.New("is not an email address")
	}
	if _, err := hostName(raw[strings.LastIndexByte(raw, '@')+1:]); err != nil {
		return "", fmt.Errorf("is not an email address: its domain %w", err)
	}
	return raw, nil
}

// containerPath is a directory inside containers, where paths are those of Linux.
func containerPath(raw string) (string, error) {
	if !path.IsAbs(raw) {
		return "", errors.New("is not an absolute path")
	}
	if path.Clean(raw) == "/" {
		return "", errors.New("is the root directory")
	}
	return oneLine(path.Clean(raw))
}

// maxStack is the longest name of a stack, in bytes.
const maxStack = 40

func stackName(raw string) (string, error) {
	if len(raw) > maxStack {
		return "", fmt.Errorf("is longer than %d bytes", maxStack)
	}
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`).MatchString(raw) {
		return "", errors.New("is not a stack's name")
	}
	return raw, nil
}

func suiteName(raw string) (string, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`).MatchString(raw) {
		return "", errors.New("is not a suite's name")
	}
	return raw, nil
}

// maxIdentifier is how many bytes of a name PostgreSQL keeps (NAMEDATALEN - 1); it cuts a longer one silently.
const maxIdentifier = 63

func identifier(raw string) (string, error) {
	if len(raw) > maxIdentifier {
		return "", fmt.Errorf("is longer than %d bytes", maxIdentifier)
	}
	return oneLine(raw)
}

func databaseName(raw string) (string, error) {
	if raw == "template0" || raw == "template1" {
		return "", errors.New("is PostgreSQL's own template")
	}
	return identifier(raw)
}

func roleName(raw string) (string, error) {
	if strings.HasPrefix(raw, "pg_") || raw == "public" || raw == "none" {
		return "", errors.New("is reserved by PostgreSQL")
	}
	return identifier(raw)
}

// changelogPath cleans the path as it is written and follows no symbolic link: Liquibase takes the path into
// each changeset's identity, so another spelling of the same file would run everything a second time.
func changelogPath(raw string) (string, error) {
	clean := path.Clean(raw)
	switch {
	case path.IsAbs(raw):
		return "", errors.New("is an absolute path")
	case clean == "." || clean == ".." || strings.HasPrefix(clean, "../"):
		return "", errors.New("is not inside the checkout")
	}
	return oneLine(clean)
}
