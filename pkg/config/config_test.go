package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/secret"
)

// checkout makes a directory with a poststack.yaml, unless its text is empty.
func checkout(t *testing.T, yaml string) string {
	t.Helper()
	dir := t.TempDir()
	if yaml != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, config.FileName), []byte(yaml), 0o600))
	}
	return dir
}

// load reads a checkout with that file and those variables, and a home directory.
func load(t *testing.T, yaml string, environ ...string) (config.Config, error) {
	t.Helper()
	return config.Load(config.Input{Root: checkout(t, yaml), Environ: append([]string{"HOME=/home/ada"}, environ...)})
}

// problems returns what is wrong with such a checkout.
func problems(t *testing.T, yaml string, environ ...string) []config.Problem {
	t.Helper()
	_, err := load(t, yaml, environ...)
	var failed *config.Error
	require.ErrorAs(t, err, &failed)
	return failed.Problems
}

// setting returns one row of the settings of cfg.
func setting(t *testing.T, cfg config.Config, key string) config.Setting {
	t.Helper()
	for _, s := range cfg.Settings() {
		if s.Key == key {
			return s
		}
	}
	t.Fatalf("no setting %q", key)
	return config.Setting{}
}

func TestLoad_Defaults(t *testing.T) {
	t.Parallel()
	root := checkout(t, "")
	cfg, err := config.Load(config.Input{Root: root, Environ: []string{"HOME=/home/ada"}})
	require.NoError(t, err)

	assert.Equal(t, root, cfg.Root)
	assert.Equal(t, filepath.Join(root, "logs"), cfg.LogDir())
	assert.Equal(t, "auto", cfg.Engine)
	assert.Equal(t, "auto", cfg.Output)
	assert.Equal(t, "info", cfg.LogLevel)
	assert.Equal(t, 20, cfg.LogKeep)
	assert.Equal(t, "localhost", cfg.Domain)
	assert.Empty(t, cfg.LEEmail)
	assert.Equal(t, "/etc/certs", cfg.CertPath)
	assert.Equal(t, "bookworm", cfg.DebianSuite)
	assert.Empty(t, cfg.ArtifactDir)
	assert.Equal(t,
		config.Database{Name: "poststack", User: "poststack", TLS: config.TLSOff, ArchiveDays: 14}, cfg.Database)
	assert.Equal(t, config.Schema{Changelog: "changelogs/db.changelog-root.yaml", Transaction: "all"}, cfg.Schema)
	assert.Equal(t, config.Timeout{
		Build: 45 * time.Minute, Pull: 30 * time.Second, Start: time.Minute,
		Connect: 10 * time.Second, Schema: 15 * time.Minute, Stop: time.Minute,
	}, cfg.Timeout)
	assert.Equal(t, "/home/ada/.local/state/poststack/"+cfg.Stack, cfg.StateDir)
	assert.Equal(t, "/home/ada/.cache/poststack", cfg.CacheDir)
	for _, s := range cfg.Settings() {
		assert.Equal(t, "default", s.Source, s.Key)
	}
}

func TestLoad_Order(t *testing.T) {
	t.Parallel()
	const yaml = "# ours\nlog:\n  level: debug\n  keep: 5\ndomain: Mail.Example.org\ntimeout.build: 90s\n"
	t.Run("the environment goes before the file, and that before the default", func(t *testing.T) {
		t.Parallel()
		cfg, err := load(t, yaml, "DOMAIN=mx.example.net", "POSTSTACK_DATABASE_PORT=6000")
		require.NoError(t, err)
		assert.Equal(t, "mx.example.net", cfg.Domain)
		assert.Equal(t, "debug", cfg.LogLevel)
		assert.Equal(t, 90*time.Second, cfg.Timeout.Build)
		assert.Equal(t, uint16(6000), cfg.Database.Port)
		assert.Equal(t, "environment DOMAIN", setting(t, cfg, "domain").Source)
		assert.Equal(t, "poststack.yaml:3", setting(t, cfg, "log.level").Source)
		assert.Equal(t, "poststack.yaml:6", setting(t, cfg, "timeout.build").Source)
		assert.Equal(t, "default", setting(t, cfg, "engine").Source)
		assert.Equal(t, "5", setting(t, cfg, "log.keep").Value)
	})
	t.Run("an empty variable is as good as none", func(t *testing.T) {
		t.Parallel()
		cfg, err := load(t, yaml, "DOMAIN=", "POSTSTACK_ENGINE=", "POSTSTACK_NONSENSE=", "DATABASE_URL=")
		require.NoError(t, err)
		assert.Equal(t, "mail.example.org", cfg.Domain)
		assert.Equal(t, "poststack.yaml:5", setting(t, cfg, "domain").Source)
		assert.Equal(t, "auto", cfg.Engine)
		assert.Empty(t, setting(t, cfg, "database.url").Value)
		assert.True(t, cfg.Database.EmptyURL, "of this one it is told")
	})
	t.Run("an empty value in the file is as good as none", func(t *testing.T) {
		t.Parallel()
		cfg, err := load(t, "domain:\nlog:\nengine: ''\nschema: {contexts: ~}\n")
		require.NoError(t, err)
		assert.Equal(t, "localhost", cfg.Domain)
		assert.Equal(t, "default", setting(t, cfg, "engine").Source)
	})
	t.Run("of a variable that is there twice, the last one counts", func(t *testing.T) {
		t.Parallel()
		cfg, err := load(t, "", "DOMAIN=a.example", "DOMAIN=b.example")
		require.NoError(t, err)
		assert.Equal(t, "b.example", cfg.Domain)
	})
	t.Run("a file that is empty, or comments only, sets nothing", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"\n", "# nothing yet\n", "---\n", "{}\n"} {
			_, err := load(t, text)
			require.NoError(t, err, text)
		}
	})
	t.Run("an alias stands for its value", func(t *testing.T) {
		t.Parallel()
		cfg, err := load(t, "timeout: {start: &t 70s, stop: *t}\n")
		require.NoError(t, err)
		assert.Equal(t, 70*time.Second, cfg.Timeout.Stop)
	})
}

func TestLoad_Secret(t *testing.T) {
	t.Parallel()
	const url = "postgres://app:hunter-2@db.example.org/mail"
	cfg, err := load(t, "", "DATABASE_URL="+url)
	require.NoError(t, err)
	assert.Equal(t, url, cfg.Database.URL.Reveal(), "handed on as it was given")
	assert.Equal(t, secret.Mask, setting(t, cfg, "database.url").Value)
	assert.True(t, setting(t, cfg, "database.url").Secret)

	settings, err := json.Marshal(cfg.Settings())
	require.NoError(t, err)
	assert.NotContains(t, string(settings), "hunter-2")
	whole, err := json.Marshal(cfg)
	require.NoError(t, err)
	assert.NotContains(t, string(whole), "hunter-2")
}

func TestReference(t *testing.T) {
	t.Parallel()
	rows := config.Reference()
	cfg, err := load(t, "")
	require.NoError(t, err)
	require.Len(t, cfg.Settings(), len(rows))
	keys, names := map[string]bool{}, map[string]bool{}
	for i, row := range rows {
		assert.False(t, keys[row.Key] || names[row.Env], "%s is there once", row.Key)
		keys[row.Key], names[row.Env] = true, true
		assert.NotEmpty(t, row.Allowed, row.Key)
		assert.NotEmpty(t, row.Help, row.Key)
		assert.False(t, strings.HasSuffix(row.Help, "."), row.Key)
		assert.Empty(t, row.Value+row.Source, row.Key)
		assert.Equal(t, row.Key, cfg.Settings()[i].Key, "the order is the same")
	}
	for _, env := range []string{
		"DATABASE_URL", "DOMAIN", "LE_EMAIL", "CERT_PATH", "LOG_LEVEL", "POSTSTACK_ENGINE", "POSTSTACK_DEBIAN_SUITE",
	} {
		assert.True(t, names[env], env)
	}
}

func TestConfig_Settings_ReturnsACopy(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, "")
	require.NoError(t, err)
	cfg.Settings()[0].Value = "changed"
	assert.Equal(t, "auto", cfg.Settings()[0].Value)
}

func TestReference_DefaultsAreValid(t *testing.T) {
	t.Parallel()
	root := checkout(t, "")
	environ := []string{"HOME=/home/ada"}
	plain, err := config.Load(config.Input{Root: root, Environ: environ})
	require.NoError(t, err)
	for _, row := range config.Reference() {
		if row.Default != "" && !strings.HasPrefix(row.Default, "<") {
			environ = append(environ, row.Env+"="+row.Default)
		}
	}
	set, err := config.Load(config.Input{Root: root, Environ: environ})
	require.NoError(t, err)
	for i, s := range set.Settings() {
		assert.Equal(t, plain.Settings()[i].Value, s.Value, s.Key)
	}
}
