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

// Changelog is a changelog's directory. What its files mean is Liquibase's to say, see [Reading].
type Changelog struct {
	Dir   string // as people write it, relative to the checkout where it is inside; for messages only
	Root  string // root changelog, relative to Dir, with slashes
	Files []File // every file below Dir, in byte order of the paths
}

// File is one file of a changelog.
type File struct {
	Path    string // relative to the changelog's directory, with slashes
	Content []byte
}

// LoadChangelog reads the files of the changelog whose root file, or its directory, is at name. root is the
// checkout, from which name is taken unless it is absolute. However name is spelled, the paths inside are the
// same: they are relative to the root changelog's directory, which may be a symbolic link.
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
		return nil, &Error{
			File: display(root, full), Kind: MissingFile, Cause: reason(err),
			Hint: "Name the root changelog with schema.changelog (POSTSTACK_CHANGELOG).",
		}
	}
	dir := filepath.Dir(full)
	c := &Changelog{Dir: display(root, dir), Root: filepath.Base(full)}
	var size int64
	if err := c.walk(dir, "", nil, &size); err != nil {
		file := c.Dir
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			file = display(root, failed.Path)
		}
		return nil, &Error{File: file, Kind: MissingFile, Cause: reason(err)}
	}
	slices.SortFunc(c.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return c, nil
}

// apart tells whether an entry is no part of a changelog: version control, and the real directories that
// Kubernetes links a mounted volume's entries to ("..data").
func apart(name string) bool {
	return strings.HasPrefix(name, "..") || slices.Contains([]string{".git", ".hg", ".svn"}, name)
}

// walk loads every file below dir. Symbolic links are followed.
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
		if apart(entry.Name()) {
			continue
		}
		full, rel := filepath.Join(dir, entry.Name()), path.Join(prefix, entry.Name())
		info, err := os.Stat(full)
		switch {
		case errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(entry.Name(), "."):
			continue // an editor's lock, which links nowhere
		case err != nil:
			return err
		case info.IsDir():
			err = c.walk(full, rel, append(slices.Clip(above), self), size)
		case info.Mode().IsRegular():
			err = c.load(full, rel, size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Changelog) load(full, rel string, size *int64) error {
	content, err := os.ReadFile(full)
	if err != nil {
		return err
	}
	if *size += int64(len(content)); *size > maxChangelog {
		return fmt.Errorf("%q: a changelog's directory holds at most %d MB", rel, maxChangelog>>20)
	}
	c.Files = append(c.Files, File{rel, content})
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

// display is full relative to root if it is inside, else as it is.
func display(root, full string) string {
	rel, err := filepath.Rel(root, full)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return full
	}
	return rel
}

// reason is the system's own reason, without the call and the path, which stand elsewhere. A link that leads nowhere
// is there for whoever looks, so it is called what it is.
func reason(err error) string {
	failed, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return err.Error()
	}
	if _, there := os.Lstat(failed.Path); there == nil && errors.Is(err, fs.ErrNotExist) {
		return "symbolic link to a file that is not there"
	}
	return failed.Err.Error()
}
