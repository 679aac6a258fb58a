package quality

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// hookMark tells the hook that [Project.InstallHook] wrote from anyone else's.
const hookMark = "# installed by: mage hooks:install"

// preCommitHook is the script that git runs before a commit, in the top directory of the work tree.
const preCommitHook = `#!/bin/sh
` + hookMark + `
# Formats and lints what is staged. Skip it once with: git commit --no-verify
exec go tool mage hooks:preCommit
`

// InstallHook makes git run [Project.PreCommit] before each commit. It serves every work tree of the clone.
func (p Project) InstallHook(ctx context.Context) error {
	dir, err := p.hooksDir(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "pre-commit")
	have, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("read hook: %w", err)
	case string(have) == preCommitHook:
		p.say("the hook is installed already")
		return nil
	case !strings.Contains(string(have), hookMark):
		return fmt.Errorf("install hook %q: another one is there; add the line %q to it, or move it away and try again",
			path, "go tool mage hooks:preCommit")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make hooks directory: %w", err)
	}
	if err := os.WriteFile(path, []byte(preCommitHook), 0o755); err != nil { //nolint:gosec // git runs it
		return fmt.Errorf("write hook: %w", err)
	}
	p.say("installed %s", path)
	return nil
}

// hooksDir returns the directory that git takes the hooks of this clone from.
func (p Project) hooksDir(ctx context.Context) (string, error) {
	text, err := p.output(ctx, "git", "rev-parse", "--git-path", "hooks", "--git-common-dir", "--show-toplevel")
	if err != nil {
		return "", fmt.Errorf("find hooks directory: %w", err)
	}
	found := lines(text)
	// Of "--git-path hooks" git prints one line, and one for each of the others.
	if len(found) != 3 {
		return "", fmt.Errorf("find hooks directory: git answered %q", text)
	}
	for i, path := range found {
		if !filepath.IsAbs(path) {
			found[i] = filepath.Join(p.Root, path)
		}
	}
	if within(found[0], found[1]) || within(found[0], found[2]) {
		return found[0], nil
	}
	return "", fmt.Errorf("install hook: core.hooksPath names %q, which other repositories use too; "+
		"give this clone its own with: git config --local core.hooksPath .git/hooks", found[0])
}

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
