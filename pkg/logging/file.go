package logging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/secret"
)

const (
	stamp    = "20060102T150405Z" // sorts by time, and needs no quoting anywhere
	maxTries = 1000               // names to try for one operation within one second
	tooYoung = time.Minute        // a file changed since then may still be written by another process
)

// File is the log of one operation: an io.WriteCloser that masks secrets and writes whole lines as they come.
// It may be written to by several goroutines.
type File struct {
	path string // "" if it could not be made

	mu     sync.Mutex
	file   *os.File
	lines  *secret.Writer
	lost   error // why the rest of it is missing
	closed bool
}

// Path is the file relative to the checkout, with slashes: "logs/containers/postgres_build_TS.log".
func (f *File) Path() string { return f.path }

// Write adds p. What cannot be written is lost, and [File.Close] tells why: a migration or a build does not end for the
// sake of its log. An unfinished line stays in memory until it is complete or the file is closed. After Close it is
// [os.ErrClosed].
func (f *File) Write(p []byte) (int, error) {
	n, err := f.add(p)
	if err == nil || errors.Is(err, os.ErrClosed) {
		return n, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost == nil {
		f.lost = fmt.Errorf("write log: %w; the rest of %s is missing", err, f.path)
	}
	return len(p), nil
}

// add is Write that fails.
func (f *File) add(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, fmt.Errorf("write %q: %w", f.path, os.ErrClosed)
	}
	return f.lines.Write(p)
}

// Close writes the unfinished line and closes the file, and tells what was lost. Only the first call does anything.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	err := f.lines.Close()
	if f.lost != nil {
		err = f.lost // of which the line's is one more
	}
	if f.file != nil {
		err = errors.Join(err, f.file.Close())
	}
	return err
}

// create makes a file that did not exist: two runs, or two operations in one second, never share one.
func create(dir, operation string, now time.Time, secrets *secret.Set) (*File, error) {
	for try := 1; ; try++ {
		name := operation + "_" + now.UTC().Format(stamp)
		if try > 1 {
			name += fmt.Sprintf("_%03d", try)
		}
		file, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return &File{file: file, lines: secret.NewWriter(file, secrets)}, nil
		}
		if !errors.Is(err, fs.ErrExist) || try == maxTries {
			return nil, err
		}
	}
}

// fileName makes an operation's name safe as a part of a file's.
func fileName(operation string) string {
	safe := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		default:
			return '-'
		}
	}
	name := strings.TrimLeft(strings.Map(safe, operation), ".-_")
	if name == "" {
		return "operation"
	}
	return name
}

// ours is the name of a file that create made: operation, time, counter.
func ours() *regexp.Regexp {
	return regexp.MustCompile(`^(.+)_(\d{8}T\d{6}Z)(_\d{3,})?\.log$`)
}

// prune removes the oldest files of each operation in dir and leaves keep of them; keep below 1 removes none.
// Names that create does not make, files that were changed in the last minute and those of own stay. Others
// may prune at the same time: a file that has gone already is no error.
func prune(dir string, keep int, now time.Time, own map[string]bool) error {
	if keep < 1 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("prune logs: %w", err)
	}
	names := map[string][]string{} // of each operation, oldest first: ReadDir sorts
	pattern := ours()
	for _, entry := range entries {
		if match := pattern.FindStringSubmatch(entry.Name()); match != nil && entry.Type().IsRegular() {
			names[match[1]] = append(names[match[1]], entry.Name())
		}
	}
	var errs []error
	for _, list := range names {
		for _, name := range list[:max(0, len(list)-keep)] {
			errs = append(errs, removeOld(filepath.Join(dir, name), now, own))
		}
	}
	return errors.Join(errs...)
}

// removeOld removes a log, unless it is young or of this run.
func removeOld(path string, now time.Time, own map[string]bool) error {
	info, err := os.Lstat(path)
	if err == nil && (own[path] || now.Sub(info.ModTime()) < tooYoung) {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("prune logs: %w", err)
	}
	return nil
}
