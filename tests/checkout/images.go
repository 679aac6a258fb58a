package checkout

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
)

// Builder builds the images of the checkout at root on e, with the user's own cache, and keeps the logs of
// builds in logDir.
func Builder(e image.Engine, root, logDir string) (*image.Builder, error) {
	images, err := image.LoadCatalogue(filepath.Join(root, "containers"))
	if err != nil {
		return nil, err
	}
	cache, err := enginetest.CacheDir()
	if err != nil {
		return nil, err
	}
	return &image.Builder{
		Catalogue: images, Engine: e, Runner: runner.Exec{}, Root: root, Suite: Suite(), CacheDir: cache,
		OpenLog: func(operation string) (image.LogFile, error) {
			f, err := os.CreateTemp(logDir, operation+"_*.log")
			return logFile{f}, err
		},
	}, nil
}

// Suite is what [enginetest.EnvSuite] says, or the one that users get.
func Suite() image.Suite { return image.Suite(cmp.Or(os.Getenv(enginetest.EnvSuite), "bookworm")) }

// logFile is a file with the name that people are told.
type logFile struct{ *os.File }

// Path is part of [image.LogFile].
func (f logFile) Path() string { return f.Name() }

// BuildAll has every image of the checkout at root current on e: tests of what is in the images are about the
// images that the checkout describes, not about what was lying around.
func BuildAll(ctx context.Context, e image.Engine, root string) error {
	logDir, err := os.MkdirTemp("", "poststack-build-")
	if err != nil {
		return fmt.Errorf("make a directory for build logs: %w", err)
	}
	b, err := Builder(e, root, logDir)
	if err != nil {
		return err
	}
	for _, name := range b.Catalogue.Names() {
		if _, err := b.Build(ctx, name, image.Options{}, event.Reporter{}); err != nil {
			return err // the logs stay: the error names one
		}
	}
	return os.RemoveAll(logDir)
}
