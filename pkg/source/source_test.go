package source_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/source"
)

// checkout makes a small one, with files over it.
func checkout(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, map[string]string{
		"go.mod": "module example.org/stack\n", "go.sum": "", "pkg/thing/thing.go": "package thing\n",
		"magefiles/program/magefile.go": "package main\n", "magefiles/targets/targets.go": "package targets\n",
	})
	write(t, root, files)
	return root
}

// write makes files below root.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

func TestFindRoot(t *testing.T) {
	t.Parallel()
	root := checkout(t,
		map[string]string{"tools/go.mod": "module example.org/stack/tools\n", "pkg/thing/deep/x.go": "package deep\n"})
	for _, from := range []string{"", "/tools", "/pkg/thing/deep"} {
		found, err := source.FindRoot(root + from)
		require.NoError(t, err)
		assert.Equal(t, root, found)
	}
	_, err := source.FindRoot(t.TempDir())
	require.ErrorIs(t, err, source.ErrNoCheckout)
}

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
		{
			"a document changed",
			func(t *testing.T, root string) { write(t, root, map[string]string{"README.md": "new"}) }, false,
		},
		{"a source changed", func(t *testing.T, root string) {
			write(t, root, map[string]string{"pkg/thing/thing.go": "package other\n"})
		}, true},
		{"a source is new", func(t *testing.T, root string) {
			write(t, root, map[string]string{"magefiles/targets/new.go": "package targets\n"})
		}, true},
		{"a source of what looks after the code is new", func(t *testing.T, root string) {
			write(t, root, map[string]string{"magefiles/workshop/new.go": "package workshop\n"})
		}, false},
		{"a source is gone", func(t *testing.T, root string) {
			require.NoError(t, os.Remove(filepath.Join(root, "pkg/thing/thing.go")))
		}, true},
		{
			"a dependency changed",
			func(t *testing.T, root string) { write(t, root, map[string]string{"go.sum": "x v1 h1:abc\n"}) }, true,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := checkout(t, nil)
			built, err := source.CurrentStamp(root)
			require.NoError(t, err)
			tc.change(t, root)
			stale, err := source.Stale(root, built)
			require.NoError(t, err)
			assert.Equal(t, tc.want, stale)
		})
	}

	t.Run("a program without a stamp is never stale", func(t *testing.T) {
		t.Parallel()
		stale, err := source.Stale(t.TempDir(), source.Built())
		require.NoError(t, err)
		assert.False(t, stale)
	})

	t.Run("a checkout without sources is an error", func(t *testing.T) {
		t.Parallel()
		_, err := source.Stale(t.TempDir(), "stamp")
		require.Error(t, err)
	})
}
