package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestSequence names several targets in one call, where a later one undoes what an earlier one did or asks for more,
// and looks at the engine and the database itself for what the last ones promise.
func TestSequence(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		e := enginetest.Open(t, kind)
		for _, tc := range []struct {
			targets string
			want    string
		}{
			{"setup down setup", "migrated"},
			{"setup reset -yes setup", "migrated"},
			{"db:start down verify:db down schema:update", "migrated"},
			{"schema:update reset -yes verify:db", "empty"},
			{"schema:init setup down", "stopped"},
			{"verify:db down setup reset -yes", "gone"},
		} {
			t.Run(tc.targets, func(t *testing.T) {
				c.OK(t, strings.Fields(tc.targets)...)
				assert.Equal(t, tc.want, found(t, c, e))
			})
		}
	})
}

// TestSequence_builds is alone: it makes the images anew that other tests use.
func TestSequence_builds(t *testing.T) {
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		r := checkout.New(t, kind).OK(t, "build:postgres", "build:all", "-force")
		assert.Len(t, regexp.MustCompile(`(?m)^\w+\s+build:base\s+unchanged in`).FindAllString(r.Stderr, -1), 1,
			"for the first target")
		assert.Len(t, regexp.MustCompile(`(?m)^\w+\s+build:base\s+done in`).FindAllString(r.Stderr, -1), 1, "for the second")
	})
}

// found is what there is of the stack's database: "gone", "stopped", "empty" or "migrated".
func found(t *testing.T, c *checkout.Checkout, e *engine.Engine) string {
	t.Helper()
	server, err := e.ContainerInspect(t.Context(), "poststack-"+c.Stack(t)+"-postgres")
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return "gone"
	case err == nil && server.State != engine.Running:
		return "stopped"
	}
	require.NoError(t, err)
	if got := tablesOf(t, connect(t, c.URL(t))); len(got) > 0 {
		assert.Equal(t, tables, got)
		return "migrated"
	}
	return "empty"
}

// TestGoSettings starts the targets where Go itself is set in a way that stops it, and looks for what
// docs/troubleshooting.md says of that.
func TestGoSettings(t *testing.T) {
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		goMage := func(dir string, env []string, args ...string) (string, error) {
			cmd := exec.CommandContext(t.Context(), "go", args...)
			// mage asks Go, as a user's does
			cmd.Dir, cmd.Env = dir, append(c.Command(t.Context(), env).Env, "MAGEFILE_HASHFAST=")
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		troubles, err := os.ReadFile(filepath.Join("..", "..", "docs", "troubleshooting.md"))
		require.NoError(t, err)
		_, err = goMage(t.TempDir(), nil, "-C", c.Dir, "tool", "mage", "-l")
		require.NoError(t, err, "from elsewhere, as the README says")

		above := filepath.Join(filepath.Dir(c.Dir), "go.work")
		require.NoError(t, os.WriteFile(above, []byte("go 1.26\n"), 0o600))
		text, err := goMage(c.Dir, nil, "tool", "mage", "-l")
		require.Error(t, err)
		assert.Contains(t, text, `go: no such tool "mage"`)
		_, err = goMage(c.Dir, []string{"GOWORK=off"}, "tool", "mage", "-l")
		require.NoError(t, err, "the remedy")
		require.NoError(t, os.Remove(above))

		for setting, says := range map[string]string{
			"GOFLAGS=-mod=vendor": "go: inconsistent vendoring in ",
			"GOOS=windows":        "exec format error",
			"GO111MODULE=off":     `go: no such tool "mage"`,
		} {
			text, err := goMage(c.Dir, []string{setting}, "tool", "mage", "-l")
			require.Error(t, err, setting)
			assert.Contains(t, text, says)
			assert.Contains(t, string(troubles), says)
		}
	})
}
