package runner

import (
	"os"
	"path/filepath"
)

// Look returns the first executable file of that name in path, a list of directories as PATH holds it. It
// is "" when there is none.
func Look(program, path string) string {
	for _, dir := range filepath.SplitList(path) {
		if dir == "" || !filepath.IsAbs(dir) {
			continue // the current directory is not searched
		}
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return file
		}
	}
	return ""
}
