package render

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
)

// tree is a directory of files, and what is known to be in it.
type tree struct {
	root  *os.Root
	files map[string]string // path → content
}

// newTree empties a directory, and makes it where it is missing.
func newTree(dir string) (*tree, error) {
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &tree{root: root, files: map[string]string{}}, nil
}

// How a file differs from what is there.
type How string

// The ways.
const (
	Added   How = "added"
	Changed How = "changed"
	Removed How = "removed"
)

// Change is a file that differs.
type Change struct {
	How  How
	Path string
}

// changed lists what differs between the tree and files, by path.
func (t *tree) changed(files map[string]file) []Change {
	var out []Change
	for name, f := range files {
		switch now, there := t.files[name]; {
		case !there:
			out = append(out, Change{Added, name})
		case now != f.content:
			out = append(out, Change{Changed, name})
		}
	}
	for name := range t.files {
		if _, stays := files[name]; !stays {
			out = append(out, Change{Removed, name})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// set makes the tree hold exactly files. Each of them is whole at any moment. After an error it is known what is there.
func (t *tree) set(files map[string]file) error {
	for _, change := range t.changed(files) {
		name := change.Path
		f, stays := files[name]
		if !stays {
			if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove the file: %w", err)
			}
			delete(t.files, name)
			continue
		}
		if err := t.write(name, f.content); err != nil {
			return fmt.Errorf("write the file: %w", err)
		}
		t.files[name] = f.content
	}
	return nil
}

// beside is where a file is written before it is renamed: no pattern for configuration files matches it.
const beside = ".new"

func (t *tree) write(name, content string) error {
	if err := t.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := t.root.WriteFile(beside, []byte(content), 0o644); err != nil {
		return err
	}
	return t.root.Rename(beside, name)
}
