package image

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// contextFile is a file or a link of a build context. Owner, times and the finer permissions are left out: they
// differ between checkouts.
type contextFile struct {
	path   string // slash-separated, relative to the context
	mode   fs.FileMode
	source string // where its content is now; "" for a link
	link   string // target of a symbolic link
}

// The modes that a staged file can have.
const (
	modeFile       fs.FileMode = 0o644
	modeExecutable fs.FileMode = 0o755
)

// neverInContext is what no image needs: the builder's own files, tests, and what editors leave behind.
func neverInContext() []string {
	return []string{
		definitionName, ignoreName, "tests",
		"**/*~", "**/.*.sw?", "**/.#*", "**/#*#", "**/.DS_Store", "**/.git",
	}
}

// readContext lists the files of dir that go into its image, sorted by path: all but what its .dockerignore
// and [neverInContext] name. The Dockerfile cannot be left out. Directories are not listed: git does
// not carry empty ones, so that they would make checkouts differ.
func readContext(dir string) ([]contextFile, error) {
	ignored, err := ignorePatterns(dir)
	if err != nil {
		return nil, err
	}
	matcher, err := patternmatcher.New(ignored)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(filepath.Base(dir), ignoreName), err)
	}
	var out []contextFile
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))
		skip, err := matcher.MatchesOrParentMatches(rel)
		if err != nil {
			return err
		}
		if skip && rel != dockerfileName {
			// What a pattern with ! takes back may lie below.
			if entry.IsDir() && !matcher.Exclusions() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		file, err := newContextFile(path, rel, entry)
		if err != nil {
			return err
		}
		out = append(out, file)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read build context %q: %w", filepath.Base(dir), err)
	}
	slices.SortFunc(out, func(a, b contextFile) int { return cmp.Compare(a.path, b.path) })
	return out, nil
}

// ignorePatterns joins the patterns of .dockerignore, if there is one, with [neverInContext], which cannot be
// taken back.
func ignorePatterns(dir string) ([]string, error) {
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
	return append(patterns, neverInContext()...), nil
}

// newContextFile describes one entry. Sockets, devices and pipes are refused, and so is a link that leads out
// of the context: no builder could follow it.
func newContextFile(path, rel string, entry fs.DirEntry) (contextFile, error) {
	switch t := entry.Type(); {
	case t.IsRegular():
		info, err := entry.Info()
		if err != nil {
			return contextFile{}, err
		}
		mode := modeFile
		if info.Mode()&0o100 != 0 {
			mode = modeExecutable
		}
		return contextFile{path: rel, mode: mode, source: path}, nil
	case t&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return contextFile{}, err
		}
		if !filepath.IsLocal(filepath.Join(filepath.Dir(filepath.FromSlash(rel)), target)) || filepath.IsAbs(target) {
			return contextFile{}, fmt.Errorf("link %q leads out of the build context, to %q", rel, target)
		}
		return contextFile{path: rel, mode: fs.ModeSymlink | 0o777, link: target}, nil
	default:
		return contextFile{}, fmt.Errorf("%q is neither a file, a directory nor a link", rel)
	}
}
