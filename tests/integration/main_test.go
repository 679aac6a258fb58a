package integration_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	scratch "github.com/poststack/poststack/tests/checkout"
)

// TestMain has the images of the checkout built on the engines under test. A test that finds an image missing
// or old would test something else. What the tests leave behind fails them.
func TestMain(m *testing.M) {
	// Pebble neither waits, refuses by chance, nor takes an old answer for a new one.
	for name, value := range map[string]string{
		"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0",
	} {
		_ = os.Setenv(name, value)
	}
	flag.Parse()
	if !testing.Short() {
		if err := prepare(context.Background()); err != nil {
			fmt.Fprintf(os.Stderr, "build the images under test: %v\n", err)
			os.Exit(1)
		}
	}
	os.Exit(enginetest.Main(m, testing.Short()))
}

// prepare builds the images on every engine under test.
func prepare(ctx context.Context) error {
	wanted := os.Getenv(enginetest.EnvEngines)
	if wanted == "" {
		wanted = os.Getenv("POSTSTACK_ENGINE")
	}
	cache, err := enginetest.CacheDir()
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(wanted, ",") {
		e, err := engine.Open(ctx, engine.Options{
			Want: strings.TrimSpace(name), Getenv: os.Getenv, CacheDir: cache,
		})
		if err != nil {
			return err
		}
		err = scratch.BuildAll(ctx, e, filepath.Join("..", ".."))
		if closeErr := e.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}
