package e2e_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestInstall compiles the targets into one program and uses that.
func TestInstall(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		list := c.OK(t, "-l").Stdout
		c.OK(t, "install")
		program := func(args ...string) (stdout, all string, code int) {
			cmd := exec.CommandContext(t.Context(), filepath.Join(c.Dir, "bin", "poststack"), args...)
			cmd.Dir, cmd.Env = c.Dir, c.Command(t.Context(), nil).Env
			out, err := cmd.Output()
			var exit *exec.ExitError
			if err != nil {
				require.ErrorAs(t, err, &exit)
				return string(out), string(out) + string(exit.Stderr), exit.ExitCode()
			}
			return string(out), string(out), 0
		}

		listed, _, code := program("-l")
		assert.Zero(t, code)
		assert.Equal(t, list, listed, "the same targets")
		_, text, code := program("db:url")
		assert.Equal(t, 5, code, "the exit status comes through")
		assert.NotContains(t, text, "compiled from other code")

		c.Write(t, "pkg/event/event.go", func(s string) string { return s + "\n// Changed.\n" })
		_, text, code = program("db:url")
		assert.Equal(t, 5, code)
		assert.Contains(t, text, "compiled from other code")
		assert.Contains(t, text, "mage install", "and how to mend it")
	})
}
