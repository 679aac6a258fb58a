package source_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/source"
)

func TestInstall(t *testing.T) {
	t.Parallel()
	program := func(t *testing.T, root string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(root, "bin", "poststack"))
		require.NoError(t, err)
		return string(text)
	}

	t.Run("the program carries the stamp of its code", func(t *testing.T) {
		t.Parallel()
		root := checkout(t, map[string]string{"bin/poststack": "old"})
		var line string
		compile := runner.Func(func(_ context.Context, c runner.Command) (runner.Result, error) {
			line = strings.Join(append([]string{c.Program}, c.Args...), " ")
			return runner.Result{}, os.WriteFile(c.Args[len(c.Args)-1], []byte("new"), 0o600)
		})
		require.NoError(t, source.Install(t.Context(), compile, root))
		stamp, err := source.CurrentStamp(root)
		require.NoError(t, err)
		want := "go tool mage -d magefiles/program -ldflags -X github.com/poststack/poststack/pkg/source.builtFrom=" +
			string(stamp) + " -compile " + filepath.Join(root, "bin") + "/"
		assert.True(t, strings.HasPrefix(line, want), line)
		assert.Equal(t, "poststack", filepath.Base(line), "mage shows that name in the usage of a target")
		assert.Equal(t, "new", program(t, root))
		entries, err := os.ReadDir(filepath.Join(root, "bin"))
		require.NoError(t, err)
		assert.Len(t, entries, 1)
	})

	t.Run("a failed build leaves the old program", func(t *testing.T) {
		t.Parallel()
		root := checkout(t, map[string]string{"bin/poststack": "old"})
		broken := runner.Func(func(context.Context, runner.Command) (runner.Result, error) {
			return runner.Result{}, errors.New("syntax error")
		})
		require.EqualError(t, source.Install(t.Context(), broken, root), `compile "bin/poststack": syntax error`)
		assert.Equal(t, "old", program(t, root))
	})
}
