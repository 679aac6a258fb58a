package logging

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Found is the newest log of an operation.
type Found struct {
	Dir       string // below the log directory: "containers", "database", or "" for a run's
	Operation string // such as postgres_build or liquibase_update; "poststack" for a run's
	Path      string
	Stamp     string // when it was begun; sorts by time
}

// Newest finds the newest log of each operation in the log directory dir, by directory and operation. Those at the
// paths of except, as [File.Path] gives them, do not count.
func Newest(dir string, except ...string) ([]Found, error) {
	skip := map[string]bool{}
	for _, path := range except {
		skip[filepath.Base(path)] = true
	}
	pattern := ours()
	var all []Found
	for _, below := range []string{"", containers, databases} {
		entries, err := os.ReadDir(filepath.Join(dir, below))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		at := map[string]int{}          // index in all, by operation
		for _, entry := range entries { // oldest first
			match := pattern.FindStringSubmatch(entry.Name())
			if match == nil || !entry.Type().IsRegular() || skip[entry.Name()] {
				continue
			}
			f := Found{
				Dir: below, Operation: match[1], Path: filepath.Join(dir, below, entry.Name()), Stamp: match[2] + match[3],
			}
			if i, known := at[f.Operation]; known {
				all[i] = f
				continue
			}
			at[f.Operation] = len(all)
			all = append(all, f)
		}
	}
	return all, nil
}
