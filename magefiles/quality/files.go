package quality

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/poststack/poststack/pkg/source"
)

// shellScripts lists the shell scripts below root.
func shellScripts(root string) ([]string, error) {
	return source.Find(root, func(rel string) (bool, error) {
		return isShellScript(filepath.Join(root, filepath.FromSlash(rel)))
	})
}

// isShellScript tells a shell script by its ending, or by its first line when it has none.
func isShellScript(path string) (bool, error) {
	switch base := filepath.Base(path); {
	case strings.HasSuffix(base, ".sh") || strings.HasSuffix(base, ".bash"):
		return true, nil
	case strings.Contains(base, "."):
		return false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	// A binary without line ends must not be read as a whole.
	first, _ := bufio.NewReaderSize(f, 128).ReadSlice('\n')
	return regexp.MustCompile(`^#! ?(/usr)?/bin/(env )?(ba|da)?sh\b`).Match(first), nil
}

// dockerfiles lists the Dockerfiles of the images.
func dockerfiles(root string) ([]string, error) {
	return source.Find(root, func(rel string) (bool, error) {
		return strings.HasPrefix(rel, "containers/") && strings.HasSuffix(rel, "/Dockerfile"), nil
	})
}
