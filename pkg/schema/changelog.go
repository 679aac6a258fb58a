package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultRoot is the root changelog's name when a setting names only its directory.
const DefaultRoot = "db.changelog-root.yaml"

// maxChangelog is how much a changelog's directory may hold, in bytes: all of it is copied to Liquibase.
const maxChangelog = 64 << 20

// Changelog is a changelog's directory as it was read, and what its files declare.
type Changelog struct {
	Dir        string // as people write it, relative to the checkout where it is inside; for messages only
	Root       string // root changelog, relative to Dir, with slashes
	Files      []File // every file below Dir that is not hidden, in byte order of the paths
	Changesets []Changeset
	Properties []string // names that ${…} may refer to
	problems   []Problem
	byPath     map[string][]byte
}

// File is one file of a changelog.
type File struct {
	Path    string // relative to the changelog's directory, with slashes
	Content []byte
}

// Changeset is one changeset as it is written down.
type Changeset struct {
	File             string // Liquibase's FILENAME: relative to the changelog's directory, or logicalFilePath
	ID, Author       string
	Context, Labels  string
	RunAlways        bool
	OutOfTransaction bool // runInTransaction:false
	IgnoreFailure    bool // failOnError:false
	Rollback         bool // has one, or needs none
	Line             int  // of its declaration; 0 if unknown
	path             string
	body             string   // SQL with its directives; "" outside formatted SQL
	creates          []string // tables, in lower case
}

// String names the changeset as "id (author)".
func (c Changeset) String() string { return fmt.Sprintf("%s (%s)", c.ID, c.Author) }

func (c Changeset) key() key { return key{c.File, c.ID, c.Author} }

// key is a changeset's identity in Liquibase's table.
type key struct{ file, id, author string }

// LoadChangelog reads the changelog whose root file, or its directory, is at name. root is the checkout, from
// which name is taken unless it is absolute. However name is spelled, the paths inside are the same: they are
// relative to the root changelog's directory, which may be a symbolic link.
func LoadChangelog(root, name string) (*Changelog, error) {
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(root, full)
	}
	full = filepath.Clean(full)
	info, err := os.Stat(full)
	if err == nil && info.IsDir() {
		full = filepath.Join(full, DefaultRoot)
		_, err = os.Stat(full)
	}
	if err != nil {
		return nil, &Error{Op: opRead, File: display(root, full), Kind: MissingFile, Cause: reason(err)}
	}
	dir := filepath.Dir(full)
	c := &Changelog{Dir: display(root, dir), Root: filepath.Base(full), byPath: map[string][]byte{}}
	if err := c.read(dir); err != nil {
		return nil, &Error{Op: opRead, File: c.Dir, Kind: MissingFile, Cause: reason(err)}
	}
	p := parser{changelog: c, seen: map[string]bool{}}
	p.include(reference{path: c.Root})
	c.lint()
	return c, nil
}

// read loads every file below dir. Symbolic links are followed, hidden names are not: that is how Kubernetes
// mounts a volume (..data is the real directory, its entries are linked from outside).
func (c *Changelog) read(dir string) error {
	var size int64
	if err := c.walk(dir, "", nil, &size); err != nil {
		return err
	}
	slices.SortFunc(c.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

func (c *Changelog) walk(dir, prefix string, above []fs.FileInfo, size *int64) error {
	self, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(above, func(i fs.FileInfo) bool { return os.SameFile(i, self) }) {
		return fmt.Errorf("directory %q links to one that holds it", path.Clean(prefix))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		full, rel := filepath.Join(dir, entry.Name()), path.Join(prefix, entry.Name())
		info, err := os.Stat(full)
		if err != nil {
			return err
		}
		if info.IsDir() {
			if err := c.walk(full, rel, append(slices.Clip(above), self), size); err != nil {
				return err
			}
			continue
		}
		if *size += info.Size(); *size > maxChangelog || !info.Mode().IsRegular() {
			return fmt.Errorf("%q: a changelog's directory holds plain files, of at most %d MB together", rel, maxChangelog>>20)
		}
		content, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		c.Files = append(c.Files, File{rel, content})
		c.byPath[rel] = content
	}
	return nil
}

// Digest is a hash over the names and contents of all files.
func (c *Changelog) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", c.Root)
	for _, f := range c.Files {
		fmt.Fprintf(h, "%q %d\n", f.Path, len(f.Content))
		h.Write(f.Content)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Display spells a path inside the changelog the way it is found from the checkout.
func (c *Changelog) Display(file string) string { return path.Join(filepath.ToSlash(c.Dir), file) }

// find returns the changeset of that identity.
func (c *Changelog) find(k key) (Changeset, bool) {
	i := slices.IndexFunc(c.Changesets, func(s Changeset) bool { return s.key() == k })
	if i < 0 {
		return Changeset{}, false
	}
	return c.Changesets[i], true
}

// display is full relative to root if it is inside, else as it is.
func display(root, full string) string {
	rel, err := filepath.Rel(root, full)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return full
	}
	return rel
}

// reason is the system's own reason, without the call and the path, which stand elsewhere.
func reason(err error) string {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	return err.Error()
}
