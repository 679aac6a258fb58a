package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestUpdates has an image of which Debian has a newer package, and takes that into use.
func TestUpdates(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		c.Write(t, "poststack.yaml", func(string) string { return "services: [nginx]\n" })
		c.Write(t, "containers/nginx/Dockerfile", func(text string) string {
			const old = "\nRUN sed -i '0,/^Version: .*/s//Version: 0.0.1/' /var/lib/dpkg/status\n"
			before, after, found := strings.Cut(text, "\nENV ")
			require.True(t, found)
			return before + old + "\nENV " + after
		})
		c.OK(t, "setup")
		waiting := c.OK(t, "images", "-updates").Stdout
		assert.Regexp(t, `(?m)^ *nginx +current .* \d+ updates?`, waiting)
		if !regexp.MustCompile(`(?ms)^ *base-debian .* none *$.*^ *java .* none *$`).MatchString(waiting) {
			t.Skip("Debian has updates for what all images stand on: they would be built anew under other tests")
		}
		assert.Equal(t, "unchanged", outcome(c.OK(t, "build:all"), "build:nginx"))
		r := c.OK(t, "build:all", "-renew")
		assert.Regexp(t, `nginx: \d+ updates?`, r.Stderr)
		assert.Equal(t, "done", outcome(r, "build:nginx"))
		assert.Contains(t, c.OK(t, "setup").Stderr, "nginx replaced")
		assert.Equal(t, "unchanged", outcome(c.OK(t, "setup"), "services:start"))
	})
}
