package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestInstall compiles the targets that run the stack into one program and uses that.
func TestInstall(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
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
		assert.Contains(t, listed, "bin/poststack setup", "how to start")
		for target, want := range map[string]bool{"setup": true, "install": true, "test:unit": false, "lint": false} {
			assert.Equal(t, want, strings.Contains(listed, "\n  "+target+" "), target)
		}
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
