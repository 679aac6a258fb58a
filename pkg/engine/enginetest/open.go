// Package enginetest serves tests that need an engine: a fake one in memory, the real ones, and the contract
// that all of them keep.
package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

// EnvEngines is the variable that lists the engines under test, such as "podman,docker". Without it only the
// one is tested that the targets would take: that of POSTSTACK_ENGINE, or else the one that is detected.
const EnvEngines = "POSTSTACK_TEST_ENGINES"

// EnvSuite is the variable that names the Debian suite which images under test stand on; without it, the usual one.
const EnvSuite = "POSTSTACK_TEST_SUITE"

// EnvPart is the variable that, set to "engine", leaves out what [AnyEngine] marks. The run on a second engine has it.
const EnvPart = "POSTSTACK_TEST_PART"

// AnyEngine marks a test of what happens inside a container alone: it ends the same on every engine, so that one is
// enough.
func AnyEngine(tb testing.TB) {
	tb.Helper()
	if os.Getenv(EnvPart) == "engine" {
		tb.Skipf("%s=engine: no engine has a part in it", EnvPart)
	}
}

// Variables for tests of chance.
const (
	EnvRounds = "POSTSTACK_TEST_ROUNDS"
	EnvSeed   = "POSTSTACK_TEST_SEED"
)

// Rounds is how often a test of chance tries: what [EnvRounds] says, or else few times.
func Rounds(tb testing.TB, few int) int {
	tb.Helper()
	return int(number(tb, EnvRounds, int64(few)))
}

// Seed is what such a test's chance begins with: [EnvSeed], or else the time. It is printed, to be given again.
func Seed(tb testing.TB) uint64 {
	tb.Helper()
	seed := uint64(number(tb, EnvSeed, time.Now().UnixNano()))
	tb.Logf("%s=%d", EnvSeed, seed)
	return seed
}

func number(tb testing.TB, variable string, otherwise int64) int64 {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(tb, err, variable)
	return n
}

// Options are what tests open an engine with. The cache is the user's own, so that each test binary does not
// probe anew; everything else of the user's is left alone.
func Options(tb testing.TB, kind engine.Kind) engine.Options {
	tb.Helper()
	cache, err := CacheDir()
	require.NoError(tb, err)
	return engine.Options{Want: string(kind), Getenv: os.Getenv, CacheDir: cache}
}

// CacheDir is the user's own cache, where the targets have theirs unless it is set otherwise.
func CacheDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(cache, "poststack"), nil
}

// ForEach runs test for every engine under test, one after the other, as [Kinds] lists them.
func ForEach(t *testing.T, test func(t *testing.T, kind engine.Kind)) {
	t.Helper()
	for _, kind := range Kinds(t) {
		t.Run(string(kind), func(t *testing.T) { test(t, kind) })
	}
}

// Open opens a real engine until the test ends. Under -short the test is skipped; an engine that is missing
// fails it.
func Open(tb testing.TB, kind engine.Kind) *engine.Engine {
	tb.Helper()
	if testing.Short() {
		tb.Skipf("-short: needs the engine %q", kind)
	}
	e, err := engine.Open(tb.Context(), Options(tb, kind))
	require.NoError(tb, err, "open the engine under test")
	tb.Cleanup(func() { _ = e.Close() })
	return e
}

// Kinds lists the engines under test. Under -short the test is skipped; no engine at all fails it.
func Kinds(tb testing.TB) []engine.Kind {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: needs an engine")
	}
	list := os.Getenv(EnvEngines)
	if list == "" {
		e := Open(tb, engine.Kind(os.Getenv("POSTSTACK_ENGINE")))
		return []engine.Kind{e.Info().Kind}
	}
	var out []engine.Kind
	for _, name := range strings.Split(list, ",") {
		kind := engine.Kind(strings.TrimSpace(name))
		require.Contains(tb, []engine.Kind{engine.Podman, engine.Docker}, kind, "%s lists podman and docker", EnvEngines)
		if !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	return out
}
