package quality_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/source"
)

func TestProject_Install(t *testing.T) {
	t.Parallel()

	t.Run("the program carries the stamp of its code", func(t *testing.T) {
		t.Parallel()
		root := checkout(t, map[string]string{"bin/poststack": "old"})
		run := &fake{answers: []answer{{prefix: "go tool mage", do: func(c runner.Command) {
			_ = os.WriteFile(c.Args[len(c.Args)-1], []byte("new"), 0o600)
		}}}}
		p, out := project(root, run, nil)
		require.NoError(t, p.Install(t.Context()))
		stamp, err := source.CurrentStamp(root)
		require.NoError(t, err)
		require.Len(t, run.lines, 1)
		want := "go tool mage -ldflags -X github.com/poststack/poststack/pkg/source.builtFrom=" + string(stamp) + " -compile " + filepath.Join(root, "bin", "poststack.")
		assert.True(t, strings.HasPrefix(run.lines[0], want), run.lines[0])
		assert.Equal(t, "new", read(t, root, "bin", "poststack"))
		assert.Contains(t, out.String(), "installed bin/poststack")
		entries, err := os.ReadDir(filepath.Join(root, "bin"))
		require.NoError(t, err)
		assert.Len(t, entries, 1)
	})

	t.Run("a failed build leaves the old program", func(t *testing.T) {
		t.Parallel()
		root := checkout(t, map[string]string{"bin/poststack": "old"})
		p, _ := project(root, &fake{answers: []answer{{prefix: "go tool mage", code: 1}}}, nil)
		require.ErrorContains(t, p.Install(t.Context()), "go exited with status 1")
		assert.Equal(t, "old", read(t, root, "bin", "poststack"))
	})
}
