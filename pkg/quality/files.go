package quality

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// find returns the files below root that want accepts, by slash-separated path relative to root, in order.
// It passes over what is not written by hand: version control, build results, logs, test data. It reads the
// directory and not git's index, so that new files count and a copy without .git works.
func find(root string, want func(rel string) (bool, error)) ([]string, error) {
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

// shellScripts lists the shell scripts below root.
func shellScripts(root string) ([]string, error) {
	return find(root, func(rel string) (bool, error) { return isShellScript(filepath.Join(root, filepath.FromSlash(rel))) })
}

// isShellScript tells a shell script by its ending, or by its first line when it has none.
func isShellScript(path string) (bool, error) {
	switch base := filepath.Base(path); {
	case strings.HasSuffix(base, ".sh") || strings.HasSuffix(base, ".bash"):
		return true, nil
	case strings.Contains(base, "."):
		return false, nil
	}
	return hasShebang(path)
}

// hasShebang reports whether the file's first line asks for sh or bash.
func hasShebang(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	// A binary without line ends must not be read as a whole.
	first, _ := bufio.NewReaderSize(f, 128).ReadSlice('\n')
	return isShell(string(first)), nil
}

// isShell reports whether line is a shebang of sh or bash.
func isShell(line string) bool {
	return regexp.MustCompile(`^#! ?(/usr)?/bin/(env )?(ba|da)?sh\b`).MatchString(line)
}

// dockerfiles lists the Dockerfiles of the images.
func dockerfiles(root string) ([]string, error) {
	return find(root, func(rel string) (bool, error) {
		return strings.HasPrefix(rel, "containers/") && strings.HasSuffix(rel, "/Dockerfile"), nil
	})
}

// goSources lists what the compiled targets are made of: Go files without tests, and the module's files.
func goSources(root string) ([]string, error) {
	sources := []string{"go.mod", "go.sum"}
	for _, dir := range []string{"magefiles", "pkg"} {
		found, err := find(filepath.Join(root, dir), func(rel string) (bool, error) {
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
