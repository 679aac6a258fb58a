package checkout

import (
	"fmt"
	"os"

	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// Main runs the tests of m, a *testing.M, as [enginetest.Main] does: what they leave fails them. With it mage compiles
// the targets once for all checkouts, which hold the same code. Asking Go what may have changed takes mage a second
// each time; with MAGEFILE_HASHFAST it looks at the magefiles alone, hence the cache of our own.
func Main(m interface{ Run() int }, short bool) int {
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
	return enginetest.Main(m, short)
}
