package e2e_test

import (
	"errors"
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
		t.Run("build:postgres build:all -force", func(t *testing.T) {
			r := c.OK(t, "build:postgres", "build:all", "-force")
			assert.Len(t, regexp.MustCompile(`(?m)^\w+\s+build:base\s+unchanged in`).FindAllString(r.Stderr, -1), 1, "for the first target")
			assert.Len(t, regexp.MustCompile(`(?m)^\w+\s+build:base\s+done in`).FindAllString(r.Stderr, -1), 1, "for the second")
		})
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
