package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// TestMain fails a run that leaves something behind, on an engine or on this machine.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withQuickMage(func() int { return enginetest.Main(m, testing.Short()) }))
}

// withQuickMage has mage compile the targets once for all checkouts, which hold the same code. Asking Go what may
// have changed takes mage a second each time; with MAGEFILE_HASHFAST it looks at the magefiles alone, hence the cache
// of our own.
func withQuickMage(run func() int) int {
	cache, err := os.MkdirTemp("", "mage")
	if err == nil {
		defer os.RemoveAll(cache)
		err = os.Setenv("MAGEFILE_CACHE", cache)
	}
	if err == nil {
		err = os.Setenv("MAGEFILE_HASHFAST", "1")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "give mage a cache: %v\n", err)
		return 1
	}
	return run()
}
