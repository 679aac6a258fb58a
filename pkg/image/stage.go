package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// stagedTime is the modification time of everything that is staged. The builders' caches ignore it; COPY
// takes it into the image, which so comes out the same from every checkout.
func stagedTime() time.Time { return time.Unix(1767225600, 0) } // 2026-01-01 UTC

// stage copies the build context of name to dir, an empty directory, with normalised modes and times, and puts
// the artifacts into it: target in the context → file on this machine. The builders read this copy only, so
// that what .dockerignore says is the same for all of them, and their caches, which compare modes, do not depend
// on the umask.
func (c *Catalogue) stage(name string, suite Suite, artifacts map[string]string, dir string) error {
	context, err := c.context(name, suite)
	if err != nil {
		return err
	}
	for _, f := range context.files {
		if err := f.stage(dir); err != nil {
			return fmt.Errorf("stage %q: %w", f.path, err)
		}
	}
	if context.hidden {
		hide := []byte(dockerfileName + "\n" + ignoreName + "\n")
		if err := os.WriteFile(filepath.Join(dir, ignoreName), hide, modeFile); err != nil {
			return fmt.Errorf("stage %q: %w", ignoreName, err)
		}
	}
	for _, to := range keys(artifacts) {
		target := filepath.Join(dir, filepath.FromSlash(to))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("stage %q: %w", to, err)
		}
		if err := linkOrCopy(artifacts[to], target); err != nil {
			return fmt.Errorf("stage %q: %w", to, err)
		}
	}
	return normalise(dir)
}

// stage puts f into dir.
func (f contextFile) stage(dir string) error {
	target := filepath.Join(dir, filepath.FromSlash(f.path))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if f.link != "" {
		return os.Symlink(f.link, target)
	}
	return copyFile(f.source, target, f.mode.Perm())
}

// linkOrCopy links an artifact from the cache, or copies it when the cache is on another file system. The
// cache holds its files with the mode that the context needs.
func linkOrCopy(source, target string) error {
	err := os.Link(source, target)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the build context holds a file of that name already")
	}
	if err == nil {
		return nil
	}
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	return copyFile(source, target, info.Mode().Perm())
}

// copyFile copies a file; target must not exist.
func copyFile(source, target string, mode fs.FileMode) (err error) {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// normalise gives everything below dir its mode, whatever the umask, and the one time.
func normalise(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		mode := modeFile
		if info, err := entry.Info(); err != nil {
			return err
		} else if entry.IsDir() || info.Mode()&0o100 != 0 {
			mode = modeExecutable
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
		return os.Chtimes(path, stagedTime(), stagedTime())
	})
}
