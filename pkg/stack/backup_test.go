package stack_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

// backedUp writes a backup that holds nothing into a directory.
func backedUp(t *testing.T, path string, h backup.Header) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	w, err := backup.Create(file, h, nil)
	require.NoError(t, err)
	require.NoError(t, w.Member("database.dump", func(w io.Writer) error { return nil }))
	require.NoError(t, w.Close(map[string]int64{"public.t": 1}))
}

// TestStartDatabase_after_a_restore has a restore die before it happened, and after.
func TestStartDatabase_after_a_restore(t *testing.T) {
	t.Parallel()
	for name, used := range map[string]string{"died before": "", "died after": "data-new1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t).built(t, "postgres")
			serve(t, b.engine)
			_, err := b.phase(t, (*stack.Stack).StartDatabase)
			require.NoError(t, err)
			kind := string(b.engine.Info().Kind)
			old, err := b.engine.VolumeInspect(t.Context(), volumeName)
			require.NoError(t, err)
			require.NoError(t, b.engine.VolumeCreate(t.Context(), "poststack-s-data-new1", old.Labels))
			file := func(name, text string) {
				require.NoError(t, os.WriteFile(filepath.Join(b.config.StateDir, name+"."+kind), []byte(text), 0o600))
			}
			file("restore", `{"new": {"data": "data-new1"}, "old": {"data": "data"}}`)
			gone, stays := "poststack-s-data-new1", volumeName
			if used != "" {
				file("data", used)
				gone, stays = stays, gone
			}
			j, err := b.phase(t, (*stack.Stack).StartDatabase)
			require.NoError(t, err)
			assert.Contains(t, j.last(t, event.Notice).Text, gone)
			_, err = b.engine.VolumeInspect(t.Context(), gone)
			require.ErrorIs(t, err, engine.ErrNotFound)
			_, err = b.engine.VolumeInspect(t.Context(), stays)
			require.NoError(t, err)
			c, err := b.engine.ContainerInspect(t.Context(), containerName)
			require.NoError(t, err)
			assert.Equal(t, stays, c.Mounts[0].Volume)
			assert.NoFileExists(t, filepath.Join(b.config.StateDir, "restore."+kind))
		})
	}
}

// TestStartDatabase_after_a_restore_of_everything has one die before the services were made anew.
func TestStartDatabase_after_a_restore_of_everything(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	kind := string(b.engine.Info().Kind)
	own, err := b.engine.VolumeInspect(t.Context(), volumeName)
	require.NoError(t, err)
	for _, name := range []string{"mail", "mail-k3", "www"} {
		require.NoError(t, b.engine.VolumeCreate(t.Context(), "poststack-s-"+name, own.Labels))
	}
	id, err := b.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Name: "poststack-s-web", Image: b.digestRef(t, "postgres"), Labels: own.Labels,
		Mounts: []engine.Mount{
			{Volume: "poststack-s-mail", Target: "/srv/mail"}, {Volume: "poststack-s-www", Target: "/srv/www"},
		},
	})
	require.NoError(t, err)
	file := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(b.config.StateDir, name+"."+kind), []byte(text), 0o600))
	}
	file("restore", `{"new": {"mail": "mail-k3"}, "old": {"mail": "mail"}}`)
	file("data", "mail-k3\n")

	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	_, err = b.engine.ContainerInspect(t.Context(), string(id))
	require.ErrorIs(t, err, engine.ErrNotFound, "it would hold the former volume")
	for name, there := range map[string]bool{"mail": false, "mail-k3": true, "www": true, "data": true} {
		_, err = b.engine.VolumeInspect(t.Context(), "poststack-s-"+name)
		assert.Equal(t, there, err == nil, name)
	}
	c, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	assert.Equal(t, volumeName, c.Mounts[0].Volume, "the database stays on its own")
}

func TestStartDatabase_whose_volume_is_not_known(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	require.NoError(t, os.MkdirAll(b.config.StateDir, 0o700))
	require.NoError(t,
		os.WriteFile(filepath.Join(b.config.StateDir, "data."+string(b.engine.Info().Kind)), []byte("../other"), 0o600))
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.ErrorContains(t, err, `"../other" is no name of a data volume`)
	assert.Equal(t, 2, stack.ExitStatus(err))
	_, err = b.engine.ContainerInspect(t.Context(), containerName)
	assert.ErrorIs(t, err, engine.ErrNotFound, "no empty database stands in for it")
}

func TestRestore_refuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := b.config.BackupDir()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	good := filepath.Join(dir, "good.tar")
	backedUp(t, good, backup.Header{Stack: "s", Database: "d"})
	text, err := os.ReadFile(good)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"cut.tar": string(text[:len(text)-2048]), "text.tar": strings.Repeat("no\n", 999),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	for file, says := range map[string]string{
		"cut.tar": "it is damaged", "text.tar": "it is no backup of Poststack", "none.tar": "there is no such file",
		"~ada/x.tar": "which only a shell replaces", "": "is empty",
		good: "there is no terminal to ask on, and nothing was changed",
	} {
		_, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error {
			return s.Restore(ctx, file, stack.RestoreOptions{})
		})
		require.ErrorContains(t, err, says, file)
		assert.ErrorContains(t, err, "nothing was changed", file)
		assert.Equal(t, 2, stack.ExitStatus(err), file)
	}
	b.config.Database.URL = "postgres://u:p@db.example/d"
	_, err = b.phase(t, func(s *stack.Stack, ctx context.Context) error {
		return s.Restore(ctx, good, stack.RestoreOptions{Yes: true})
	})
	assert.ErrorContains(t, err, "DATABASE_URL is set")
}

func TestBackups(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	list := func(check bool) (stackData []stack.BackupData, err error) {
		j, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Backups(ctx, check) })
		data, _ := j.last(t, event.Result).Report.Data.([]stack.BackupData)
		return data, err
	}
	none, err := list(false)
	require.NoError(t, err)
	assert.Empty(t, none)
	dir := b.config.BackupDir()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	backedUp(t, filepath.Join(dir, "a.tar"), backup.Header{Stack: "s", Created: time.Unix(1, 0)})
	backedUp(t, filepath.Join(dir, "b.tar"), backup.Header{Stack: "s", Created: time.Unix(2, 0)})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.tar"), []byte("other"), 0o600))
	found, err := list(true)
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Equal(t, "b.tar", filepath.Base(found[0].File), "the newest first")
	assert.Equal(t, "whole", found[0].Checked)

	text, err := os.ReadFile(found[0].File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(found[0].File, text[:len(text)-2048], 0o600))
	found, err = list(true)
	require.ErrorContains(t, err, "1 of 2 backups cannot be used")
	assert.Equal(t, 1, stack.ExitStatus(err))
	assert.Contains(t, found[0].Checked, "it is damaged")

	empty := filepath.Join(dir, "s_20260301T120000.000Z.tar") // as a machine that has lost power leaves it
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	found, err = list(true)
	require.ErrorContains(t, err, "2 of 3 backups cannot be used")
	assert.Equal(t, "it is no backup of Poststack", found[2].Checked)
	found, err = list(false)
	require.NoError(t, err)
	assert.Equal(t, empty, found[2].File)
	s, _, _ := b.open(t)
	deleted, err := stack.Prune(s, dir, backup.Header{Stack: "s"}, 1)
	require.NoError(t, err)
	assert.Empty(t, deleted)
}

func TestBackup_without_a_database(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	_, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Backup(ctx, stack.BackupOptions{}) })
	require.ErrorContains(t, err, "run mage setup")
	assert.Equal(t, 5, stack.ExitStatus(err))
	b.config.Backup.Recipients = "age1nonsense"
	_, err = b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Backup(ctx, stack.BackupOptions{}) })
	require.ErrorContains(t, err, "backup.recipients: ")
	assert.Equal(t, 2, stack.ExitStatus(err))
	assert.NoDirExists(t, b.config.BackupDir())
}

// TestBackup_full_disk has the file to blame, whatever wraps its error on the way.
func TestBackup_full_disk(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { _ = full.Close() }()
	require.ErrorIs(t, stack.WriteBackup(full, "x"), syscall.ENOSPC)
	good, err := os.Create(filepath.Join(t.TempDir(), "good"))
	require.NoError(t, err)
	defer func() { _ = good.Close() }()
	require.NoError(t, stack.WriteBackup(good, "x"))
}

// TestBackup_keep has backups of everything, and later ones of the database alone.
func TestBackup_keep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := t.TempDir()
	var h backup.Header
	for i := range 6 {
		h = backup.Header{Stack: "s", Database: "d", Created: time.Unix(int64(i), 0)}
		if i < 3 {
			h.Volumes = []string{"mail"}
		}
		backedUp(t, filepath.Join(dir, "s_"+h.Created.UTC().Format("20060102T150405.000Z")+".tar"), h)
	}
	s, _, _ := b.open(t)
	deleted, err := stack.Prune(s, dir, h, 1)
	require.NoError(t, err)
	assert.Len(t, deleted, 2)
	h.Volumes = []string{"mail", "www"}
	deleted, err = stack.Prune(s, dir, h, 2)
	require.NoError(t, err)
	assert.Len(t, deleted, 1)
	h.Place = "db.example:5432"
	deleted, err = stack.Prune(s, dir, h, 1)
	require.NoError(t, err)
	assert.Empty(t, deleted, "those of a database of that name on another server")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 3, "the newest one of the database, and two with volumes")
}
