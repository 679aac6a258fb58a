package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/tests/checkout"
)

// TestDoctor looks over a stack that runs, then one with planted problems.
func TestDoctor(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		c.OK(t, "setup")
		start := time.Now()
		r := c.OK(t, "doctor")
		assert.Less(t, time.Since(start), time.Minute)
		assert.NotContains(t, r.Stdout, " problem ")
		assert.Contains(t, r.Stdout, "is this stack's database")

		state, err := filepath.Glob(filepath.Join(c.State, "*"))
		require.NoError(t, err)
		require.Len(t, state, 1)
		password, holder := filepath.Join(state[0], "password"), filepath.Join(state[0], "lock.holder")
		require.NoError(t, os.Chmod(password, 0o644))
		require.NoError(t, os.WriteFile(holder, []byte("process 4194305 (setup)"), 0o600))
		conn := connect(t, c.URL(t))
		_, err = conn.Exec(t.Context(), `update databasechangeloglock set locked = true, lockgranted = now(),
			lockedby = 'a run that died'`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()), "a client without a name could be a Liquibase")
		cache := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(cache, "artifacts"), 0o755))
		copyProbes(t, cache)
		env := []string{"POSTSTACK_CACHE_DIR=" + cache}
		for _, entry := range artifacts(t)[:1] {
			require.NoError(t, os.WriteFile(filepath.Join(cache, "artifacts", entry), []byte("not it"), 0o644))
		}

		r = c.Mage(t, env, "doctor")
		assert.Equal(t, 1, r.Code)
		for _, seen := range []string{
			"others may read it", "held it and is gone", "a run that died", "is not the pinned one",
		} {
			assert.Contains(t, r.Stdout, seen)
		}
		assert.Contains(t, r.Stderr, "4 problems found")
		assert.FileExists(t, holder, "without -fix nothing is touched")

		r = c.Mage(t, env, "doctor", "-fix")
		assert.Zero(t, r.Code)
		for _, done := range []string{
			"its mode is 0600 now", "removed the stale entry", "released it", "removed it; the next build fetches it",
		} {
			assert.Contains(t, r.Stdout, "fixed: "+done)
		}
		assert.Zero(t, c.Mage(t, env, "doctor").Code, "all is well afterwards")
	})
}

// copyProbes has cache know what was found out about the engines: trying them out takes seconds, which doctor has
// for a check on no busy machine.
func copyProbes(t *testing.T, cache string) {
	t.Helper()
	own, err := enginetest.CacheDir()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(own, "engine-*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(cache, filepath.Base(file)), text, 0o644))
	}
}

// artifacts are the names that the artifacts of the images have in the cache.
func artifacts(t *testing.T) []string {
	t.Helper()
	images, err := image.LoadCatalogue(filepath.Join("..", "..", "containers"))
	require.NoError(t, err)
	files, err := images.CachedFiles("cache")
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.Path))
	}
	require.NotEmpty(t, names)
	return names
}
