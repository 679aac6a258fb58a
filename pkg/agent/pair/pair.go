// Package pair finds the certificate with its key that a name is served with, judged by what the files hold: whether
// they fit, which names they cover, how long they last.
package pair

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
)

// Store is the pairs of a directory. It is used by one goroutine at a time.
type Store struct {
	dir     string
	standIn string // directory of the pair for names that have none
	now     func() time.Time
	seen    map[string]*look // by directory
	byName  map[string][]*look
}

// look is what was found in one directory.
type look struct {
	dir    string
	stamp  string // changes with the files
	leaf   *x509.Certificate
	err    error
	served bool // some name is served with it

	validThen bool // at the last look
}

// NewStore makes the store of the pairs below dir; standIn is a directory that [StandIn] has filled.
func NewStore(dir, standIn string, now func() time.Time) *Store {
	return &Store{dir: dir, standIn: standIn, now: now, seen: map[string]*look{}}
}

// Refresh looks at those directories. A pair whose files have not changed is not read again.
func (s *Store) Refresh(directories []string) {
	seen := map[string]*look{}
	s.byName = map[string][]*look{}
	for _, name := range directories {
		if !filepath.IsLocal(name) || strings.ContainsRune(name, filepath.Separator) {
			continue
		}
		dir := filepath.Join(s.dir, name)
		stamp := stampOf(dir)
		l, known := s.seen[name]
		if !known || l.stamp != stamp || stamp == "" {
			l = &look{dir: dir, stamp: stamp}
			l.leaf, l.err = read(dir)
		}
		l.served = false
		seen[name] = l
		l.validThen = l.err == nil && l.valid(s.now())
		if l.err != nil {
			continue
		}
		for _, covered := range l.leaf.DNSNames {
			covered = strings.ToLower(covered)
			s.byName[covered] = append(s.byName[covered], l)
		}
	}
	s.seen = seen
}

// For gives the directory of the pair for a name. One for the name itself comes before a wildcard, one that is valid
// before one that has ended, and then the one that ends last.
func (s *Store) For(name string) string {
	_, parent, _ := strings.Cut(name, ".")
	found := slices.Concat(s.byName[name], s.byName["*."+parent])
	if len(found) == 0 {
		return s.standIn
	}
	now := s.now()
	faults := func(l *look) (n int) {
		if !l.valid(now) {
			n += 2
		}
		if !l.has(name) {
			n++
		}
		return n
	}
	best := slices.MinFunc(found, func(a, b *look) int {
		return cmp.Or(faults(a)-faults(b), b.leaf.NotAfter.Compare(a.leaf.NotAfter))
	})
	best.served = true
	return best.dir
}

func (l *look) valid(now time.Time) bool {
	return now.Before(l.leaf.NotAfter) && !now.Before(l.leaf.NotBefore)
}

func (l *look) has(name string) bool {
	return slices.ContainsFunc(l.leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, name) })
}

// Warnings tells what is wrong with the pairs of the last look.
func (s *Store) Warnings() []string {
	out := []string{}
	for _, l := range s.seen {
		switch {
		case errors.Is(l.err, fs.ErrNotExist): // not issued yet
		case l.err != nil:
			out = append(out, fmt.Sprintf("certificate in %s: %v", l.dir, l.err))
		case !l.valid(s.now()):
			out = append(out, fmt.Sprintf("certificate in %s: it is valid from %s to %s only", l.dir,
				l.leaf.NotBefore.Format(time.RFC3339), l.leaf.NotAfter.Format(time.RFC3339)))
		}
	}
	slices.Sort(out)
	return out
}

// Stamp changes when one of the pairs has changed, and when it begins or ends to be valid: another is the best then.
func (s *Store) Stamp() string {
	var all []string
	for name, l := range s.seen {
		all = append(all, fmt.Sprintf("%s=%s %t", name, l.stamp, l.validThen))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// stampOf tells one state of the files from another without reading them; "" if one of them is not there.
func stampOf(dir string) string {
	var stamp strings.Builder
	for _, name := range []string{certificate.ChainFile, certificate.KeyFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return ""
		}
		fmt.Fprintf(&stamp, "%d %d ", info.ModTime().UnixNano(), info.Size())
	}
	return stamp.String()
}

// between is how long the two files of a pair may take to be replaced, one after the other.
const between = 100 * time.Millisecond

// read gives the certificate of a pair that fits.
func read(dir string) (*x509.Certificate, error) {
	leaf, err := readOnce(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		time.Sleep(between)
		return readOnce(dir)
	}
	return leaf, err
}

func readOnce(dir string) (*x509.Certificate, error) {
	pair, err := certificate.ReadPair(dir)
	if err != nil {
		return nil, err
	}
	return pair.Leaf, strong(pair)
}
