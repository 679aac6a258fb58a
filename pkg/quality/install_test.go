package quality_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/quality"
	"github.com/poststack/poststack/pkg/runner"
)

func TestStale(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, root string)
		want   bool
	}{
		{"nothing changed", func(*testing.T, string) {}, false},
		{"a file was touched only", func(t *testing.T, root string) {
			later := time.Now().Add(time.Hour)
			require.NoError(t, os.Chtimes(filepath.Join(root, "pkg/thing/thing.go"), later, later))
		}, false},
		{"a test changed", func(t *testing.T, root string) {
			write(t, root, map[string]string{"pkg/thing/x_test.go": "package thing\n"})
		}, false},
		{"a document changed", func(t *testing.T, root string) { write(t, root, map[string]string{"README.md": "new"}) }, false},
		{"a source changed", func(t *testing.T, root string) {
			write(t, root, map[string]string{"pkg/thing/thing.go": "package other\n"})
		}, true},
		{"a source is new", func(t *testing.T, root string) {
			write(t, root, map[string]string{"magefiles/new.go": "package main\n"})
		}, true},
		{"a source is gone", func(t *testing.T, root string) {
			require.NoError(t, os.Remove(filepath.Join(root, "pkg/thing/thing.go")))
		}, true},
		{"a dependency changed", func(t *testing.T, root string) { write(t, root, map[string]string{"go.sum": "x v1 h1:abc\n"}) }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := checkout(t, nil)
			built, err := quality.SourceStamp(root)
			require.NoError(t, err)
			tc.change(t, root)
			stale, err := quality.Stale(root, built)
			require.NoError(t, err)
			assert.Equal(t, tc.want, stale)
		})
	}

	t.Run("a program without a stamp is never stale", func(t *testing.T) {
		t.Parallel()
		stale, err := quality.Stale(t.TempDir(), quality.Built())
		require.NoError(t, err)
		assert.False(t, stale)
	})

	t.Run("a checkout without sources is an error", func(t *testing.T) {
		t.Parallel()
		_, err := quality.Stale(t.TempDir(), "stamp")
		require.Error(t, err)
	})
}

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
		stamp, err := quality.SourceStamp(root)
		require.NoError(t, err)
		require.Len(t, run.lines, 1)
		want := "go tool mage -ldflags -X github.com/poststack/poststack/pkg/quality.builtFrom=" + string(stamp) + " -compile " + filepath.Join(root, "bin", "poststack.")
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
