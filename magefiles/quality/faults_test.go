package quality_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
	"github.com/poststack/poststack/pkg/runner"
)

func TestProject_Faults(t *testing.T) {
	t.Parallel()
	// tried is a run that writes this table.
	tried := func(t *testing.T, code int, o quality.FaultOptions) (doc, said, ran string, env []string, err error) {
		t.Helper()
		root := t.TempDir()
		write(t, root, map[string]string{
			"docs/reliability.md": "# R\n<!-- mage test:faults -write -->\nold\n<!-- end of the table -->\nrest\n",
		})
		run := &fake{answers: []answer{{prefix: gotestsum, stdout: passing, code: code, do: func(c runner.Command) {
			env = c.Env
			for _, kv := range c.Env {
				if path, ok := strings.CutPrefix(kv, "POSTSTACK_FAULTS_TABLE="); ok {
					assert.NoError(t, os.WriteFile(path, []byte("| SIGKILL | 0 |\n"), 0o600))
				}
			}
		}}}}
		p, out := project(root, run, nil)
		err = p.Faults(t.Context(), o)
		return read(t, root, "docs/reliability.md"), out.String(), strings.Join(run.ran(""), "\n"), env, err
	}
	t.Run("the seed is told, and the table shown", func(t *testing.T) {
		t.Parallel()
		doc, said, ran, env, err := tried(t, 0, quality.FaultOptions{Seed: 7, Rows: "SIGKILL|SIGTERM"})
		require.NoError(t, err)
		assert.Contains(t, said, "mage test:faults -seed=7\n")
		assert.Contains(t, said, "| SIGKILL | 0 |")
		assert.Contains(t, ran, "-run=^TestFaults$/./(SIGKILL|SIGTERM) ./tests/faults/...")
		assert.Contains(t, env, "POSTSTACK_TEST_SEED=7")
		assert.Contains(t, env, "POSTSTACK_FAULTS_LONG=")
		assert.Contains(t, doc, "\nold\n")
	})
	t.Run("in CI a fault that failed is tried again without the others", func(t *testing.T) {
		t.Parallel()
		run := &fake{answers: []answer{{prefix: gotestsum, stdout: passing}}}
		p, _ := project(t.TempDir(), run, map[string]string{"CI": "true"})
		require.Error(t, p.Faults(t.Context(), quality.FaultOptions{Seed: 7}), "nobody has written a table")
		assert.Contains(t, run.ran(gotestsum)[0],
			" --rerun-fails=1 --rerun-fails-max-failures=10 --packages=./tests/faults/... -- ")
	})
	t.Run("a complete table is kept", func(t *testing.T) {
		t.Parallel()
		doc, _, _, env, err := tried(t, 0, quality.FaultOptions{Write: true})
		require.NoError(t, err)
		assert.Equal(t, "# R\n<!-- mage test:faults -write -->\n| SIGKILL | 0 |\n<!-- end of the table -->\nrest\n", doc)
		assert.Contains(t, env, "POSTSTACK_FAULTS_ALL=yes")
		assert.Contains(t, env, "POSTSTACK_FAULTS_LONG=")
	})
	t.Run("more tries on request", func(t *testing.T) {
		t.Parallel()
		_, _, _, env, err := tried(t, 0, quality.FaultOptions{Long: true})
		require.NoError(t, err)
		assert.Contains(t, env, "POSTSTACK_FAULTS_ALL=yes")
		assert.Contains(t, env, "POSTSTACK_FAULTS_LONG=yes")
	})
	t.Run("one that failed is shown and not kept", func(t *testing.T) {
		t.Parallel()
		doc, said, _, _, err := tried(t, 1, quality.FaultOptions{Write: true})
		require.Error(t, err)
		assert.Contains(t, said, "| SIGKILL | 0 |")
		assert.Contains(t, doc, "\nold\n")
	})
	t.Run("what cannot be meant is refused", func(t *testing.T) {
		t.Parallel()
		for _, o := range []quality.FaultOptions{{Rows: "("}, {Seed: -1}, {Rows: "x", Write: true}} {
			_, _, ran, _, err := tried(t, 0, o)
			require.ErrorAs(t, err, new(*quality.OptionError))
			assert.Empty(t, ran)
		}
	})
}
