package logging_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/logging"
)

func TestFile(t *testing.T) {
	t.Parallel()
	t.Run("is named after its operation and the time", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{})
		build, err := logs.Container("postgres_build")
		require.NoError(t, err)
		update, err := logs.Database("liquibase_update")
		require.NoError(t, err)
		assert.Equal(t, "logs/containers/postgres_build_20251125T110000Z.log", build.Path())
		assert.Equal(t, "logs/database/liquibase_update_20251125T110000Z.log", update.Path())
		info, err := os.Stat(filepath.Join(root, build.Path()))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode())
	})
	t.Run("an operation's name cannot leave the directory", func(t *testing.T) {
		t.Parallel()
		logs, _ := open(t, logging.Options{})
		for operation, want := range map[string]string{
			"../../etc/passwd": "etc-passwd", "a b\n": "a-b-", ".hidden": "hidden", "": "operation", "/": "operation",
			"größe": "gr--e",
		} {
			f, err := logs.Container(operation)
			require.NoError(t, err)
			assert.Contains(t, f.Path(), "logs/containers/"+want+"_20251125T110000Z", operation)
		}
	})
	t.Run("lines appear as they are complete, the last one at the end", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{})
		f, err := logs.Container("build")
		require.NoError(t, err)
		_, err = io.WriteString(f, "step 1\nstep")
		require.NoError(t, err)
		assert.Equal(t, "step 1\n", content(t, root, f.Path()))
		require.NoError(t, f.Close())
		assert.Equal(t, "step 1\nstep", content(t, root, f.Path()))
	})
	t.Run("what cannot be written ends nothing, and is told at the end", func(t *testing.T) {
		t.Parallel()
		f := logging.OnFullDisk(t)
		for range 2 {
			n, err := io.WriteString(f, "step 1\n")
			require.NoError(t, err)
			assert.Equal(t, 7, n)
		}
		require.ErrorIs(t, f.Close(), syscall.ENOSPC)
		require.NoError(t, f.Close())
	})
	t.Run("closing twice is allowed, writing then is an error", func(t *testing.T) {
		t.Parallel()
		logs, _ := open(t, logging.Options{})
		f, err := logs.Container("build")
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NoError(t, f.Close())
		_, err = io.WriteString(f, "late")
		require.ErrorIs(t, err, os.ErrClosed)
	})
	t.Run("Close of the logs writes what is unfinished and makes no more", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{})
		f, err := logs.Container("build")
		require.NoError(t, err)
		_, err = io.WriteString(f, "interrupted")
		require.NoError(t, err)
		require.NoError(t, logs.Close())
		assert.Equal(t, "interrupted", content(t, root, f.Path()))
		_, err = logs.Container("build")
		require.ErrorIs(t, err, os.ErrClosed)
	})
	t.Run("names are unique within a second and across runs", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "logs")
		var mu sync.Mutex
		seen := map[string]bool{}
		var wg sync.WaitGroup
		for range 4 {
			logs, _ := open(t, logging.Options{Dir: dir})
			wg.Go(func() {
				for range 10 {
					f, err := logs.Container("build")
					if !assert.NoError(t, err) {
						return
					}
					mu.Lock()
					assert.False(t, seen[f.Path()], "%s was made once", f.Path())
					seen[f.Path()] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		assert.Len(t, seen, 40)
		assert.True(t, seen["logs/containers/build_20251125T110000Z_040.log"])
	})
}

// old makes a log of n days ago, unless its name is given, and returns its name.
func old(t *testing.T, dir, operation string, days int) string {
	t.Helper()
	at := noon().AddDate(0, 0, -days)
	name := fmt.Sprintf("%s_%s.log", operation, at.UTC().Format("20060102T150405Z"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	require.NoError(t, os.Chtimes(filepath.Join(dir, name), at, at))
	return name
}

// names are the files in a directory, in order.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var list []string
	for _, e := range entries {
		if !e.IsDir() {
			list = append(list, e.Name())
		}
	}
	return list
}

func TestLogs_Close_Prunes(t *testing.T) {
	t.Parallel()
	t.Run("the oldest of each operation, in each directory", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{Keep: 2})
		dir := filepath.Join(root, "logs")
		for days := 1; days <= 4; days++ {
			old(t, dir, "poststack", days)
			old(t, filepath.Join(dir, "containers"), "base_build", days)
			old(t, filepath.Join(dir, "containers"), "postgres_build", days+10)
			old(t, filepath.Join(dir, "database"), "liquibase_update", days)
		}
		require.NoError(t, logs.Close())
		assert.Equal(t, []string{"poststack_20251123T110000Z.log", "poststack_20251124T110000Z.log"}, names(t, dir))
		assert.Equal(t, []string{
			"base_build_20251123T110000Z.log", "base_build_20251124T110000Z.log",
			"postgres_build_20251113T110000Z.log", "postgres_build_20251114T110000Z.log",
		}, names(t, filepath.Join(dir, "containers")))
		assert.Len(t, names(t, filepath.Join(dir, "database")), 2)
	})
	t.Run("the file of this run counts as one and stays", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{Keep: 1})
		dir := filepath.Join(root, "logs", "containers")
		for range 3 {
			f, err := logs.Container("build")
			require.NoError(t, err)
			require.NoError(t, os.Chtimes(filepath.Join(root, f.Path()), noon().Add(-time.Hour), noon().Add(-time.Hour)))
		}
		old(t, dir, "build", 1)
		require.NoError(t, logs.Close())
		assert.Equal(t,
			[]string{"build_20251125T110000Z.log", "build_20251125T110000Z_002.log", "build_20251125T110000Z_003.log"},
			names(t, dir))
	})
	t.Run("nothing that is young, or not a log of ours", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{Keep: 1})
		dir := filepath.Join(root, "logs")
		young := old(t, dir, "poststack", 3)
		at := noon().Add(-59 * time.Second)
		require.NoError(t, os.Chtimes(filepath.Join(dir, young), at, at))
		gone := old(t, dir, "poststack", 2)
		newest := old(t, dir, "poststack", 1)
		others := []string{"dockerd.log", "notes.txt", "poststack_20251101T110000Z.log.gz", "poststack_2025.log"}
		for _, name := range others {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
			require.NoError(t, os.Chtimes(filepath.Join(dir, name), noon().AddDate(-1, 0, 0), noon().AddDate(-1, 0, 0)))
		}
		require.NoError(t, os.Symlink("notes.txt", filepath.Join(dir, "poststack_20251101T110000Z.log")))
		require.NoError(t, logs.Close())
		left := names(t, dir)
		assert.Subset(t, left, append(others, young, newest, "poststack_20251101T110000Z.log"))
		assert.NotContains(t, left, gone)
	})
	t.Run("nothing at all when all are to be kept", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{Keep: 0})
		for days := range 30 {
			old(t, filepath.Join(root, "logs"), "poststack", days+1)
		}
		require.NoError(t, logs.Close())
		assert.Len(t, names(t, filepath.Join(root, "logs")), 30)
	})
	t.Run("while others prune too", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "logs")
		var all []*logging.Logs
		for range 8 {
			logs, _ := open(t, logging.Options{Dir: dir, Keep: 5})
			all = append(all, logs)
		}
		for days := range 300 {
			old(t, dir, "poststack", days+1)
		}
		var wg sync.WaitGroup
		for _, logs := range all {
			wg.Go(func() { assert.NoError(t, logs.Close()) })
		}
		wg.Wait()
		assert.Len(t, names(t, dir), 5)
	})
	t.Run("a directory that has gone away is told of, and no failure", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "logs")
		var console bytes.Buffer
		logs, err := logging.Open(logging.Options{Dir: dir, Keep: 1, Console: &console})
		require.NoError(t, err)
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "database")))
		require.NoError(t, logs.Close())
		assert.Regexp(t, "^warn   prune logs: .*no such file or directory\n$", console.String())
	})
}
