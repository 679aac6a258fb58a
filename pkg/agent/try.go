package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Try tries the declaration and its templates without any row, with the daemon's own checker, in a directory of its
// own. An image does so when it is built.
func (a *Agent) Try(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		return fmt.Errorf("try the templates: %w", err)
	}
	defer os.RemoveAll(dir)
	a.Declaration.Directory = filepath.Join(dir, "files")
	a.Declaration.Status = filepath.Join(dir, "status.json")
	a.Declaration.Kept = ""
	if p := a.Declaration.Pairs; p != nil {
		p.Startup = filepath.Join(dir, "startup")
	}
	if err := a.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go a.table.Reap(ctx)
	_, err = a.files.Apply(ctx, a.complete(nil))
	return err
}
