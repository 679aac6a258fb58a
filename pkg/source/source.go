// Package source knows the checkout that a program works in: where it is, and whether the program was compiled from it.
package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoCheckout is that neither a directory nor any above it is the root of this module.
var ErrNoCheckout = errors.New("no go.mod there or above")

// FindRoot returns the directory with a magefiles folder and a go.mod, at dir or above it. The go.mod files
// under tools/ are not it.
func FindRoot(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find checkout from %q: %w", dir, err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		if Exists(filepath.Join(at, "go.mod")) && Exists(filepath.Join(at, "magefiles")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find checkout from %q: %w", abs, ErrNoCheckout)
		}
	}
}

// Exists reports whether path can be seen.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Find returns the files below root that want accepts, by slash-separated path relative to root, in order.
// It passes over what is not written by hand: version control, build results, logs, test data. It reads the
// directory and not git's index, so that new files count and a copy without .git works.
func Find(root string, want func(rel string) (bool, error)) ([]string, error) {
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if skipped(rel, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		ok, err := want(rel)
		if ok {
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list files of %q: %w", root, err)
	}
	return found, nil
}

// skipped tells which directories hold nothing to check.
func skipped(rel, name string) bool {
	switch rel {
	case ".", ".ci", ".github":
		return false
	case "bin", "coverage", "logs":
		return true
	}
	return strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules"
}

// goSources lists what the compiled program is made of: Go files without tests, and the module's files.
func goSources(root string) ([]string, error) {
	sources := []string{"go.mod", "go.sum"}
	for _, dir := range []string{program, "magefiles/targets", "pkg"} {
		found, err := Find(filepath.Join(root, dir), func(rel string) (bool, error) {
			return strings.HasSuffix(rel, ".go") && !strings.HasSuffix(rel, "_test.go"), nil
		})
		if err != nil {
			return nil, err
		}
		for _, rel := range found {
			sources = append(sources, dir+"/"+rel)
		}
	}
	return sources, nil
}
