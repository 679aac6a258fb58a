// Package bench_test asserts what Poststack saves, as ratios within one run: never seconds, which depend on the
// machine and on what else it does.
package bench_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/tests/checkout"
)

// atMost asserts that a took no longer than ratio times b, and logs both.
func atMost(t *testing.T, ratio float64, a, b time.Duration, what string) {
	t.Helper()
	got := float64(a) / float64(b)
	t.Logf("%s: %s / %s = %.3f (at most %.2f)", what, a.Round(time.Millisecond), b.Round(time.Millisecond), got, ratio)
	assert.LessOrEqual(t, got, ratio, what)
}

// TestBuild compares builds of the base image: every step anew, from the engine's layer cache, and skipped.
func TestBuild(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		b, err := checkout.Builder(enginetest.Open(t, kind), filepath.Join("..", ".."), t.TempDir())
		require.NoError(t, err)
		cold := build(t, b, image.Options{NoCache: true})
		cached := build(t, b, image.Options{Force: true})
		warm := build(t, b, image.Options{})
		assert.Positive(t, cached.CachedSteps)
		assert.True(t, warm.Skipped)
		atMost(t, 0.5, cached.Duration, cold.Duration, "a rebuild from the layer cache against a cold build")
		atMost(t, 0.1, warm.Duration, cold.Duration, "a build of unchanged inputs against a cold build")
	})
}

func build(t *testing.T, b *image.Builder, o image.Options) image.Result {
	t.Helper()
	res, err := b.Build(t.Context(), "base-debian", o, event.Reporter{})
	require.NoError(t, err)
	return res
}

// TestSetup compares a set-up with nothing to do against the one that made the database, with the images built
// before both.
func TestSetup(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		c.OK(t, "build:all")
		first := elapsed(func() { c.OK(t, "setup") })
		second := elapsed(func() { c.OK(t, "setup") })
		atMost(t, 0.6, second, first, "a second setup against the first, each with mage's own start")
	})
}

func elapsed(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}
