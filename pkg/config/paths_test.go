package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
)

func TestLoad_Paths(t *testing.T) {
	t.Parallel()
	t.Run("the XDG directories go before HOME, relative ones are ignored", func(t *testing.T) {
		t.Parallel()
		cfg, err := load(t, "stack: one\n", "XDG_STATE_HOME=/var/state", "XDG_CACHE_HOME=relative")
		require.NoError(t, err)
		assert.Equal(t, "/var/state/poststack/one", cfg.StateDir)
		assert.Equal(t, "/home/ada/.cache/poststack", cfg.CacheDir)
	})
	t.Run("two stacks never share a state directory", func(t *testing.T) {
		t.Parallel()
		one, err := load(t, "", "POSTSTACK_STATE_DIR=/srv/state", "POSTSTACK_STACK=one")
		require.NoError(t, err)
		two, err := load(t, "", "POSTSTACK_STATE_DIR=/srv/state", "POSTSTACK_STACK=two")
		require.NoError(t, err)
		assert.Equal(t, "/srv/state/one", one.StateDir)
		assert.Equal(t, "/srv/state/two", two.StateDir)
		assert.Equal(t, "/srv/state", setting(t, one, "state_dir").Value, "what is shown can be set again")
	})
	t.Run("a tilde is the home directory, a relative path is below the checkout", func(t *testing.T) {
		t.Parallel()
		cfg, err := load(t, "artifacts: offline/../jars\ncache_dir: ~/spool\ndatabase: {password_file: ~/pw}\n")
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(cfg.Root, "jars"), cfg.ArtifactDir)
		assert.Equal(t, "/home/ada/spool", cfg.CacheDir)
		assert.Equal(t, "/home/ada/pw", cfg.Database.PasswordFile)
	})
	t.Run("what only a shell replaces is no directory", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"~root/backups", "$HOME/backups", "${HOME}/backups", "~+"} {
			_, err := load(t, "", "POSTSTACK_BACKUP_DIR="+path)
			require.ErrorContains(t, err, "which only a shell replaces", path)
			_, err = load(t, "state_dir: "+path+"\n", "POSTSTACK_TRACE="+path)
			require.Error(t, err, path)
			assert.ErrorContains(t, err, "trace (environment POSTSTACK_TRACE)", path)
		}
		cfg, err := load(t, "backup: {dir: ./~root}\ndatabase: {password_file: /srv/$x}\n", "POSTSTACK_STATE_DIR=~")
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(cfg.Root, "~root"), cfg.Backup.Dir)
		assert.Equal(t, "/srv/$x", cfg.Database.PasswordFile)
		assert.Equal(t, "/home/ada/"+cfg.Stack, cfg.StateDir)
	})
	t.Run("a trace is written to where its name is typed: before a command, or in the file", func(t *testing.T) {
		t.Parallel()
		root := checkout(t, "trace: logs/t.json\n")
		for env, want := range map[string]string{
			"":                          filepath.Join(root, "logs/t.json"),
			"POSTSTACK_TRACE=t.json":    "/home/ada/work/t.json",
			"POSTSTACK_TRACE=../t.json": "/home/ada/t.json",
			"POSTSTACK_TRACE=~/t.json":  "/home/ada/t.json",
			"POSTSTACK_TRACE=/t.json":   "/t.json",
		} {
			cfg, err := config.Load(config.Input{Root: root, Environ: []string{"HOME=/home/ada", env}, Dir: "/home/ada/work"})
			require.NoError(t, err)
			assert.Equal(t, want, cfg.Trace)
			assert.Equal(t, want, setting(t, cfg, "trace").Value)
		}
		cfg, err := load(t, "")
		require.NoError(t, err)
		assert.Empty(t, cfg.Trace)
	})
	t.Run("without a home, both directories must be set", func(t *testing.T) {
		t.Parallel()
		root := checkout(t, "")
		_, err := config.Load(config.Input{Root: root})
		require.ErrorContains(t, err, "state_dir (default): neither HOME nor XDG_STATE_HOME")
		require.ErrorContains(t, err, "cache_dir (default)")
		_, err = config.Load(config.Input{Root: root, Environ: []string{"POSTSTACK_STATE_DIR=/s", "POSTSTACK_CACHE_DIR=/c"}})
		require.NoError(t, err)
	})
}

func TestLoad_StackName(t *testing.T) {
	t.Parallel()
	name := func(t *testing.T, root string) string {
		t.Helper()
		cfg, err := config.Load(config.Input{Root: root, Environ: []string{"HOME=/home/ada"}})
		require.NoError(t, err)
		return cfg.Stack
	}
	t.Run("a checkout has one name by every path, and no other has it", func(t *testing.T) {
		t.Parallel()
		base := t.TempDir()
		target, link := filepath.Join(base, "a", "mail"), filepath.Join(base, "link")
		other := filepath.Join(base, "b", "mail")
		require.NoError(t, os.MkdirAll(target, 0o755))
		require.NoError(t, os.MkdirAll(other, 0o755))
		require.NoError(t, os.Symlink(target, link))
		assert.Regexp(t, `^mail-[0-9a-f]{6}$`, name(t, target))
		assert.Equal(t, name(t, target), name(t, link))
		assert.Equal(t, name(t, target), name(t, target+"/../mail/"))
		assert.NotEqual(t, name(t, target), name(t, other))
	})
	for _, tc := range []struct{ name, dir, want string }{
		{"capitals and blanks are replaced", "My Mail Server", `^my-mail-server-[0-9a-f]{6}$`},
		{"letters of other scripts are replaced", "почта", `^stack-[0-9a-f]{6}$`},
		{"a dot in front is dropped", ".mail", `^mail-[0-9a-f]{6}$`},
		{"a long name is cut", strings.Repeat("long.", 20), `^(long\.){6}lon-[0-9a-f]{6}$`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), tc.dir)
			require.NoError(t, os.Mkdir(dir, 0o755))
			got := name(t, dir)
			assert.Regexp(t, tc.want, got)
			assert.LessOrEqual(t, len(got), 40)
			_, err := load(t, "", "POSTSTACK_STACK="+got)
			assert.NoError(t, err, "a name we made can be set")
		})
	}
	t.Run("a checkout that does not exist is a problem", func(t *testing.T) {
		t.Parallel()
		_, err := config.Load(config.Input{Root: filepath.Join(t.TempDir(), "gone"), Environ: []string{"HOME=/home/ada"}})
		require.ErrorContains(t, err, "stack (default): cannot find the checkout")
	})
}

// TestConfig_Typed has what shells leave behind -to=, and what settings make of it.
func TestConfig_Typed(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Input{
		Root: checkout(t, ""), Environ: []string{"HOME=/home/ada"}, Dir: "/home/ada/work",
	})
	require.NoError(t, err)
	for path, want := range map[string]string{
		"~/b": "/home/ada/b", "b": "/home/ada/work/b", "../b": "/home/ada/b", "/b/": "/b", "~": "/home/ada",
	} {
		got, err := cfg.Typed(path)
		require.NoError(t, err, path)
		assert.Equal(t, want, got)
	}
	for _, path := range []string{"", "~ada/b", "$HOME/b", "a\nb"} {
		_, err := cfg.Typed(path)
		assert.Error(t, err, path)
	}
	got, err := config.Config{}.Typed("b")
	require.NoError(t, err)
	assert.True(t, filepath.IsAbs(got))
}
