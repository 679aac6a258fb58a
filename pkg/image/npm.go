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
	dir, err := os.MkdirTemp("", "poststack-npm-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := []string{"pack", spec, "--ignore-scripts", "--silent", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"}
	npm := runner.WithTimeout(f.runner, npmTimeout)
	if _, err := npm.Run(ctx, runner.Command{Program: "npm", Args: args, Dir: dir, Stdout: f.log, Stderr: f.log}); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return errors.Join(err, fmt.Errorf("npm pack left %d archives, not one", len(archives)))
	}
	return f.pick(archives[0], filepath.Base(archives[0]), missing)
}
