package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestVerifyRuntime is alone: it starts all images side by side, and each has the time of a check to become healthy.
func TestVerifyRuntime(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		r := c.OK(t, "verify:runtime")
		assert.Regexp(t, `postgres +sql 5432 postgres/postgres +answers within 1m0s +ok: answers after`, r.Stdout)
		images, err := filepath.Glob(filepath.Join(c.Dir, "containers", "*", "image.yaml"))
		require.NoError(t, err)
		assert.Regexp(t, fmt.Sprintf(`passed in .* – \d+ checks of %d images`, len(images)), r.Stdout+r.Stderr)
		assert.NotContains(t, r.Stdout, "FAILED")

		// A list that expects what is not so fails with its line, and the table says what was seen.
		const line = `    - file: { path: /scratch, type: directory, owner: "root:root", mode: "1777" }`
		c.Write(t, "containers/base-debian/image.yaml", func(s string) string {
			return strings.Replace(s, line, strings.Replace(line, "1777", "0700", 1), 1)
		})
		r = c.Mage(t, nil, "verify:base")
		assert.Equal(t, 1, r.Code)
		assert.Regexp(t,
			`containers/base-debian/image\.yaml:\d+: file /scratch: expected directory, root:root, 0700, `+
				`seen: directory, root:root, 1777`,
			r.Stderr)
		assert.Regexp(t, `file /scratch +directory, root:root, 0700 +FAILED: directory, root:root, 1777`, r.Stdout)

		// So does one that cannot be read, before anything is built or started.
		c.Write(t, "containers/base-debian/image.yaml", func(s string) string {
			return strings.Replace(s, "    - file:", "    - fil:", 1)
		})
		r = c.Mage(t, nil, "verify:base")
		assert.NotZero(t, r.Code)
		assert.Regexp(t, `containers/base-debian/image\.yaml:\d+: unknown key "runtime.checks.fil": did you mean "file"`,
			r.Stderr)
	})
}
