package issuer

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
)

// lineage is what certbot keeps of one certificate: the last that was issued, and how.
type lineage struct {
	leaf   *x509.Certificate // nil if there is none that could be served
	server string            // directory of the authority that issued it
	dir    string            // that holds the pair
	came   time.Time         // when certbot wrote it
}

// fingerprint tells a certificate from all others.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// otherKind tells whether there is a key, and it is of the other kind than what is set.
func (l lineage) otherKind(rsa bool) bool {
	return l.leaf != nil && (l.leaf.PublicKeyAlgorithm == x509.RSA) != rsa
}

// store is certbot's own directory.
type store struct{ dir string }

func (s store) live(name string) string    { return filepath.Join(s.dir, "live", name) }
func (s store) renewal(name string) string { return filepath.Join(s.dir, "renewal", name+".conf") }

// serverLine is where certbot notes the authority of a lineage.
var serverLine = regexp.MustCompile(`(?m)^server = (\S+)$`)

// find gives the lineage of a name. One that certbot was ended in the middle of counts as none.
func (s store) find(name string) lineage {
	l := lineage{dir: s.live(name)}
	conf, err := os.ReadFile(s.renewal(name))
	if err != nil {
		return l
	}
	found, leaf := serverLine.FindSubmatch(conf), deployed(l.dir)
	if found == nil || leaf == nil {
		return l
	}
	if info, err := os.Stat(filepath.Join(l.dir, certificate.ChainFile)); err == nil {
		l.came = info.ModTime()
	}
	l.leaf, l.server = leaf, string(found[1])
	return l
}

// repair removes what certbot left of a lineage when it was ended in the middle: it would take that for another's, and
// begin one under another name.
func (s store) repair(name string) error {
	if s.find(name).leaf != nil {
		return nil
	}
	return s.remove(name)
}

// remove removes all that there is of a lineage.
func (s store) remove(name string) error {
	return errors.Join(os.RemoveAll(s.renewal(name)), os.RemoveAll(s.live(name)),
		os.RemoveAll(filepath.Join(s.dir, "archive", name)))
}

// forget removes the account at an authority.
func (s store) forget(server string) error {
	_, at, _ := strings.Cut(server, "://")
	if !filepath.IsLocal(at) {
		return fmt.Errorf("forget the account at %q: it is no address", server)
	}
	return os.RemoveAll(filepath.Join(s.dir, "accounts", at))
}

// names are those of all lineages, whole or not.
func (s store) names() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "renewal"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the certificates that are kept: %w", err)
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".conf"); ok {
			out = append(out, name)
		}
	}
	return out, nil
}
