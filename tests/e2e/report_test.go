package e2e_test

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestReport draws the report of a checkout before its set-up and after it.
func TestReport(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		path := filepath.Join(c.Dir, "logs", "report.html")
		got := c.OK(t, "report")
		assert.Equal(t, path+"\n", got.Stdout, "it says where the page is, and nothing else")
		assert.Contains(t, got.Stderr, "record one with: mage setup")
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Contains(t, string(page), "No setup has been recorded")
		assert.Contains(t, string(page), "none yet; make it with: mage setup", "it has started no database")

		c.OK(t, "setup")
		got = c.Mage(t, []string{"DISPLAY=", "WAYLAND_DISPLAY="}, "report", "-open")
		require.Zero(t, got.Code)
		assert.Contains(t, got.Stderr, "the file is "+path)
		page, err = os.ReadFile(path)
		require.NoError(t, err)
		for _, text := range []string{
			"build:base", "schema:update", "postgresql-15", "applied, 0 pending",
			"RUN install-packages", "the running server", string(kind),
		} {
			assert.Contains(t, string(page), text)
		}
		with, err := url.Parse(c.URL(t))
		require.NoError(t, err)
		password, _ := with.User.Password()
		require.NotEmpty(t, password)
		assert.NotContains(t, string(page), password)
	})
}
