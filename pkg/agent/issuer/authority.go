package issuer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/net/publicsuffix"
)

// Where Let's Encrypt is asked. What its staging issues is trusted by nobody, and it bears with mistakes.
const (
	production = "https://acme-v02.api.letsencrypt.org/directory"
	staging    = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// Options are what the environment sets.
type Options struct {
	Domain    string // the host's own name
	Email     string // the authority writes to it; "" for nobody
	Directory string // of an authority of one's own; "" for Let's Encrypt
	Root      string // file whose certificates that one is trusted by; it may be empty, or not there
	Verbose   bool
}

// Server is the directory of the authority that is asked for a certificate of those names.
func (o Options) Server(names []string) string {
	switch {
	case o.Directory != "":
		return o.Directory
	case o.Email != "" && !slices.ContainsFunc(names, func(name string) bool { return !public(name) }):
		return production
	default:
		return staging
	}
}

// public tells whether a name is one that somebody has registered for the whole Internet.
func public(name string) bool {
	name = strings.TrimPrefix(name, "*.")
	suffix, icann := publicsuffix.PublicSuffix(name)
	if !icann && !strings.Contains(suffix, ".") || suffix == name { // a suffix with a dot is private, and listed
		return false
	}
	for _, example := range []string{"example.com", "example.net", "example.org"} { // RFC 2606
		if name == example || strings.HasSuffix(name, "."+example) {
			return false
		}
	}
	return true
}

// trust makes the file of those that certbot trusts, and gives its path; "" leaves it to certbot.
func (o Options) trust(p Paths) (string, error) {
	roots, err := o.bundle(p)
	if err != nil || roots == nil {
		return "", err
	}
	path := filepath.Join(p.Run, "roots.pem")
	if err := renameio.WriteFile(path, roots, 0o600); err != nil {
		return "", fmt.Errorf("keep the authority's root: %w", err)
	}
	return path, nil
}

// bundle are those that certbot trusts, in PEM; nil leaves it to whom programs trust by themselves.
func (o Options) bundle(p Paths) ([]byte, error) {
	if o.Root == "" {
		return nil, nil
	}
	own, err := os.ReadFile(o.Root)
	if os.IsNotExist(err) || err == nil && strings.TrimSpace(string(own)) == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the authority's root: %w", err)
	}
	all, err := os.ReadFile(p.Roots)
	if err != nil {
		return nil, fmt.Errorf("read whom this machine trusts: %w", err)
	}
	return slices.Concat(all, []byte("\n"), own), nil
}
