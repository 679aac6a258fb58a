package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/poststack/poststack/pkg/runner"
)

// npmTimeout is the time that npm has for one package.
const npmTimeout = 5 * time.Minute

// fromNPM fetches a package through npm pack, which knows the user's registry and its credentials, and takes
// the wanted files out of it. No script of the package runs.
func (f fetcher) fromNPM(ctx context.Context, spec string, missing []ArtifactFile) error {
	// The artifact's lock is held: what is there was left by a process that was killed.
	dir := filepath.Join(f.cache, "downloads", "npm-"+hashText(spec)[:16])
	defer func() { _ = os.RemoveAll(dir) }()
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	args := []string{
		"pack", spec, "--ignore-scripts", "--loglevel=error", "--fetch-retries=1",
		"--fetch-retry-mintimeout=1000", "--fetch-timeout=60000",
	}
	npm := runner.WithTimeout(f.runner, npmTimeout)
	if _, err := npm.Run(ctx,
		runner.Command{Program: "npm", Args: args, Dir: dir, Stdout: f.log, Stderr: f.log}); err != nil {
		return tellTool(err, "npm ERR! ", "npm error ")
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return errors.Join(err, fmt.Errorf("npm pack left %d archives, not one", len(archives)))
	}
	return f.pick(archives[0], filepath.Base(archives[0]), missing)
}
