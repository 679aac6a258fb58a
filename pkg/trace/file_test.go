package trace_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
)

func TestOpen_refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes"), []byte("dear diary, today I have done a lot"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "short"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink("notes", filepath.Join(dir, "link")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	for path, want := range map[string]string{
		dir:                                  "it is a directory",
		filepath.Join(dir, "notes"):          "it is a file that holds no trace, and is not overwritten",
		filepath.Join(dir, "short"):          "holds no trace",
		filepath.Join(dir, "link"):           "holds no trace",
		filepath.Join(dir, "pipe"):           "it is not a regular file",
		os.DevNull:                           "it is not a regular file",
		filepath.Join(dir, "gone", "x.json"): "no such file or directory",
		filepath.Join(dir, "notes", "x"):     "not a directory",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			_, err := trace.Open(trace.Options{Path: path})
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), ".poststack-trace", "it names no file that the user has never heard of")
		})
	}
	t.Cleanup(func() {
		text, err := os.ReadFile(filepath.Join(dir, "notes"))
		require.NoError(t, err)
		assert.Len(t, text, 35)
		left, err := filepath.Glob(filepath.Join(dir, ".*"))
		require.NoError(t, err)
		assert.Empty(t, left)
	})
}

func TestRecorder_Close(t *testing.T) {
	t.Parallel()
	t.Run("replaces an empty file, and an older trace through a link", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		target := filepath.Join(dir, "real.json")
		link := filepath.Join(dir, "link.json")
		require.NoError(t, os.WriteFile(target, nil, 0o600))
		require.NoError(t, os.Symlink("real.json", link))
		tracetest.Written(t, open(t, trace.Options{Path: link}))
		tracetest.Written(t, open(t, trace.Options{Path: link}))
		info, err := os.Lstat(link)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&os.ModeSymlink, "the link is still one")
		info, err = os.Lstat(target)
		require.NoError(t, err)
		assert.NotZero(t, info.Size())
	})
	t.Run("writes once, and what comes later is left out", func(t *testing.T) {
		t.Parallel()
		r := open(t, trace.Options{})
		ctx := trace.With(t.Context(), r)
		all := tracetest.Written(t, r)
		trace.Start(ctx, trace.Wait, "late").End()
		assert.Equal(t, all, tracetest.Written(t, r))
	})
	t.Run("leaves nothing half-written where the directory has gone", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "gone")
		require.NoError(t, os.Mkdir(dir, 0o755))
		r := open(t, trace.Options{Path: filepath.Join(dir, "trace.json")})
		require.NoError(t, os.Remove(dir))
		assert.ErrorContains(t, r.Close(), "write trace")
	})
	t.Run("takes a file that is damaged for none", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "trace.json")
		require.NoError(t, os.WriteFile(path, []byte(`{"traceEvents":[{"name":`), 0o600))
		tracetest.Written(t, open(t, trace.Options{Path: path})).One(t, "setup")
	})
}
