package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// neverInContext is what no image needs: the builder's own files, tests, and what editors, systems and interpreters
// leave behind. It cannot be taken back.
func neverInContext() []string {
	return []string{
		definitionName, ignoreName, "tests",
		"**/*~", "**/.*.sw?", "**/.#*", "**/#*#", "**/.DS_Store", "**/.git", "**/__pycache__",
	}
}

// secretNames are names under which programs keep passwords and keys. Patterns are those of [path.Match], for the last
// part of a path.
func secretNames() []string {
	return []string{
		".env", ".env.*", "*.env", ".pgpass", ".pg_service.conf", ".my.cnf", ".netrc", "_netrc",
		".git-credentials", ".npmrc", ".pypirc", ".vault-token", "*.p12", "*.pfx", "*.kdbx",
	}
}

// examples are the endings of files that show what a secret file looks like.
func examples() []string { return []string{".example", ".sample", ".template", ".dist"} }

// skipped tells which files of a folder do not go into its image.
type skipped struct {
	matcher *patternmatcher.PatternMatcher
	meant   []string // paths that .dockerignore takes back by their whole name
}

// newSkipped reads the folder's .dockerignore, if there is one. It is read here and with docker's own rules: docker,
// BuildKit and buildah each have theirs.
func newSkipped(dir string) (*skipped, error) {
	var patterns []string
	f, err := os.Open(filepath.Join(dir, ignoreName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", ignoreName, err)
	default:
		defer f.Close()
		if patterns, err = ignorefile.ReadAll(f); err != nil {
			return nil, fmt.Errorf("read %s: %w", ignoreName, err)
		}
	}
	s := &skipped{}
	for _, p := range patterns {
		if name, ok := strings.CutPrefix(p, "!"); ok {
			s.meant = append(s.meant, strings.TrimPrefix(path.Clean("/"+name), "/"))
		}
	}
	if s.matcher, err = patternmatcher.New(append(patterns, neverInContext()...)); err != nil {
		return nil, fmt.Errorf("read %s: %w", ignoreName, err)
	}
	return s, nil
}

// match tells whether a file does not go into the image.
func (s *skipped) match(name string) (bool, error) {
	if name == "." {
		return false, nil // a pattern such as * is for what is in the folder
	}
	return s.matcher.MatchesOrParentMatches(name)
}

// exceptions tells whether there are patterns that take something back.
func (s *skipped) exceptions() bool { return s.matcher.Exclusions() }

// checkName refuses a file whose name says that it holds a secret: what is in an image is there for all who get it,
// also when a later instruction removes it.
func (f contextFile) checkName() error {
	base := strings.ToLower(path.Base(f.path))
	if f.meant || slices.ContainsFunc(examples(), func(end string) bool { return strings.HasSuffix(base, end) }) {
		return nil
	}
	for _, pattern := range secretNames() {
		if ok, err := path.Match(pattern, base); err == nil && ok {
			return &secretError{name: f.path, why: "is the name of a file with secrets"}
		}
	}
	return nil
}

// secretError is a file that must not go into an image.
type secretError struct{ name, why string }

func (e *secretError) Error() string {
	return fmt.Sprintf("%q %s, and all who get the image could read it: name it in %s, or there as %q if it belongs "+
		"into the image",
		e.name, e.why, ignoreName, "!"+e.name)
}

// coreDump tells whether a file is what a program left that crashed in the folder.
func coreDump(f contextFile) (bool, error) {
	base := path.Base(f.path)
	if base != "core" && !strings.HasPrefix(base, "core.") && !strings.HasPrefix(base, "vgcore.") {
		return false, nil
	}
	file, err := os.Open(f.source)
	if err != nil {
		return false, err
	}
	defer file.Close()
	head := make([]byte, 18) // up to e_type, elf(5)
	if _, err := io.ReadFull(file, head); err != nil {
		return false, nil // shorter than a core dump
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	return string(head[:4]) == elf.ELFMAG && elf.Type(order.Uint16(head[16:])) == elf.ET_CORE, nil
}

// maxHead is how much of a file is looked at before it goes into an image.
const maxHead = 4096

// check refuses what must not go into an image, by how the file begins: a private key, and a script that no Linux runs
// because git on Windows has given it that system's line ends.
func (f contextFile) check(head []byte) error {
	if !f.meant && bytes.Contains(head, []byte("PRIVATE KEY")) &&
		regexp.MustCompile(`(?m)^-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----`).Match(head) {
		return &secretError{name: f.path, why: "holds a private key"}
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	if bytes.HasSuffix(first, []byte("\r")) && (bytes.HasPrefix(first, []byte("#!")) || path.Ext(f.path) == ".sh") {
		return errors.New("the script has the line ends of Windows (CRLF), and no shell runs it: " +
			"git config core.autocrlf input, then check it out again (git rm --cached -r . && git reset --hard), or dos2unix")
	}
	return nil
}
