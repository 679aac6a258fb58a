package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
)

func TestLoad_ReportsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(t, "engine: lxc\nlog:\n  lvel: info\ncert_path: certs\n",
		"DOMAIN=mail..example", "POSTSTACK_DATABASE_PORT=65536", "POSTSTACK_ENGNE=docker", "POSTSTACK_TIMEOUT_STOP=0s")
	require.Error(t, err)
	assert.Equal(t, strings.Join([]string{
		`read configuration: 7 problems`,
		`  - log.lvel (poststack.yaml:3:3): unknown setting; the nearest known one is "log.level"`,
		`  - POSTSTACK_ENGNE (environment): unknown setting; the nearest known one is "POSTSTACK_ENGINE"`,
		`  - engine (poststack.yaml:1:9): "lxc" is not known; allowed: auto, podman, docker`,
		`  - domain (environment DOMAIN): "mail..example" is not a host name; allowed: a host name such as mail.example.org`,
		`  - cert_path (poststack.yaml:4:12): "certs" is not an absolute path; allowed: an absolute path`,
		`  - database.port (environment POSTSTACK_DATABASE_PORT): "65536" is out of range; allowed: a port from 0 to 65535`,
		`  - timeout.stop (environment POSTSTACK_TIMEOUT_STOP): "0s" is not positive; allowed: a positive duration with ` +
			`its unit, such as 90s or 45m`,
	}, "\n"), err.Error())
}

func TestLoad_OneProblemIsOneLine(t *testing.T) {
	t.Parallel()
	_, err := load(t, "", "LOG_LEVEL=loud")
	require.EqualError(t, err, `read configuration: log.level (environment LOG_LEVEL): "loud" is not known; allowed: `+
		`error, warn, info, debug, trace`)
}

func TestLoad_ReportsAValueThatIsOverridden(t *testing.T) {
	t.Parallel()
	found := problems(t, "engine: lxc\n", "POSTSTACK_ENGINE=docker")
	require.Len(t, found, 1)
	assert.Equal(t, "poststack.yaml:1:9", found[0].Source)
}

func TestLoad_UnknownKeys(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, yaml, want string }{
		{
			"a letter is missing", "domin: a.example\n",
			`domin (poststack.yaml:1:1): unknown setting; the nearest known one is "domain"`,
		},
		{
			"capitals matter", "Domain: a.example\n",
			`Domain (poststack.yaml:1:1): unknown setting; the nearest known one is "domain"`,
		},
		{"the group is left out", "port: 5433\n", `nearest known one is "database.port"`},
		{
			"a group is misspelt", "\ndatabse:\n  port: 1\n",
			`databse (poststack.yaml:2:1): unknown setting; the nearest known one is "database"`,
		},
		{"a setting in the wrong manner", "LOG_LEVEL: info\n", `nearest known one is "log.level"`},
		{"a dash for an underscore", "cert-path: /a\n", `nearest known one is "cert_path"`},
		{
			"within a group", "timeout: {biuld: 1m}\n",
			`timeout.biuld (poststack.yaml:1:11): unknown setting; the nearest known one is "timeout.build"`,
		},
		{"merge keys are not known", "log: {<<: {level: info}}\n", `log.<< (poststack.yaml:1:7): unknown setting`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found := problems(t, tc.yaml)
			require.Len(t, found, 1)
			assert.Contains(t, found[0].String(), tc.want)
		})
	}
	for env, near := range map[string]string{
		"POSTSTACK_ENGIN":         "POSTSTACK_ENGINE",
		"POSTSTACK_DOMAIN":        "DOMAIN",
		"POSTSTACK_DATABASE_URL":  "DATABASE_URL",
		"POSTSTACK_LOG_LEVEL":     "LOG_LEVEL",
		"POSTSTACK_PORT":          "POSTSTACK_DATABASE_PORT",
		"POSTSTACK_TIMEOUT_BIULD": "POSTSTACK_TIMEOUT_BUILD",
	} {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			found := problems(t, "", env+"=s3cret")
			require.Len(t, found, 1)
			assert.Equal(t, env+` (environment): unknown setting; the nearest known one is "`+near+`"`, found[0].String())
		})
	}
	t.Run("variables that others read are known", func(t *testing.T) {
		t.Parallel()
		_, err := load(t, "", "POSTSTACK_TEST_ENGINES=docker", "POSTSTACK_TEST_PART=engine", "POSTSTACKER=1", "PGHOST=x")
		require.NoError(t, err)
	})
}

func TestLoad_WrongKinds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, yaml, want string }{
		{"a list", "domain: [a.example]\n", `domain (poststack.yaml:1:1): is a list; allowed: a host name`},
		{"a group for a value", "domain: {name: a}\n", `domain (poststack.yaml:1:1): is a group of settings`},
		{"a value for a group", "log: debug\n", `log (poststack.yaml:1:6): is a single value, not a group`},
		{"a truth value", "stack: true\n", `stack (poststack.yaml:1:1): is a truth value`},
		{"binary", "domain: !!binary aGk=\n", `domain (poststack.yaml:1:1): is binary`},
		{"a word for a number", "log: {keep: many}\n", `log.keep (poststack.yaml:1:13): "many" is not a whole number`},
		{"a fraction for a number", "log: {keep: 2.5}\n", `"2.5" is not a whole number`},
		{"a number without a unit", "timeout: {stop: 30}\n", `"30" is not a duration`},
		{"a list at the top", "- domain\n", `poststack.yaml:1:1: is a list, not a group of settings`},
		{
			"a key twice", "domain: a.example\ndomain: b.example\n",
			`domain (poststack.yaml:2:1): is given twice; it was first in line 1`,
		},
		{
			"a key twice, in two spellings", "log.level: info\nlog:\n  level: debug\n",
			`log.level (poststack.yaml:3:3): is given twice; it was first in line 1`,
		},
		{
			"a group twice", "log: {keep: 3}\nengine: auto\nlog: {level: info}\n",
			`log (poststack.yaml:3:1): is given twice; it was first in line 1`,
		},
		{"two documents", "domain: a.example\n---\nengine: auto\n", `poststack.yaml:2:1: a second document begins here`},
		{"no YAML", "log:\n\tlevel: info\n", `poststack.yaml:2: is not YAML: found character`},
		{"an alias of itself", "log: &l {level: *l}\n", `log.level (poststack.yaml:1:10): is a group of settings`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found := problems(t, tc.yaml)
			require.Len(t, found, 1)
			assert.Contains(t, found[0].String(), tc.want)
		})
	}
}

func TestLoad_FileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		make func(path string) error
		want string
	}{
		"a directory":              {func(path string) error { return os.Mkdir(path, 0o755) }, "is a directory"},
		"a pipe is not waited for": {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			require.NoError(t, tc.make(filepath.Join(root, config.FileName)))
			_, err := config.Load(config.Input{Root: root, Environ: []string{"HOME=/home/ada"}})
			require.EqualError(t, err, "read configuration: poststack.yaml: cannot be read: "+tc.want)
		})
	}
	t.Run("a link that leads nowhere is not ignored", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		require.NoError(t, os.Symlink(filepath.Join(root, "unmounted"), filepath.Join(root, config.FileName)))
		_, err := config.Load(config.Input{Root: root, Environ: []string{"HOME=/home/ada"}})
		require.EqualError(t, err, "read configuration: poststack.yaml: is a symbolic link to a file that is not there")
		require.NoError(t, os.WriteFile(filepath.Join(root, "unmounted"), []byte("stack: linked\n"), 0o600))
		cfg, err := config.Load(config.Input{Root: root, Environ: []string{"HOME=/home/ada"}})
		require.NoError(t, err)
		assert.Equal(t, "linked", cfg.Stack)
	})
	t.Run("another ending is not ignored", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(root, "poststack.yml"), nil, 0o600))
		_, err := config.Load(config.Input{Root: root, Environ: []string{"HOME=/home/ada"}})
		require.EqualError(t, err, "read configuration: poststack.yml: is not read; name it poststack.yaml")
	})
}

func TestLoad_NeverQuotesASecret(t *testing.T) {
	t.Parallel()
	for name, yaml := range map[string]string{
		"under a misspelt key":     "databse: {url: 'postgres://u:hunter-2@h/d'}\n",
		"under a wrong key":        "url: postgres://u:hunter-2@h/d\n",
		"in place of the group":    "database: postgres://u:hunter-2@h/d\n",
		"in a list":                "database: {url: ['postgres://u:hunter-2@h/d']}\n",
		"given twice":              "database: {url: 'postgres://u:hunter-2@h/d', url: 'postgres://u:hunter-2@h/e'}\n",
		"in a syntax error":        "database: {url: *hunter-2}\n",
		"in a file that is broken": "database:\n  url: 'postgres://u:hunter-2@h/d\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, yaml)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "hunter")
		})
	}
}

// FuzzLoad looks for files that make Load panic, or fail with anything but an [*config.Error].
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "domain: a", "log: {level: [x]}", "a: &a [*a]", "? {a: b}\n: c",
		"- - -", "%YAML 9.9\n---\n", "\ufeffdomain: a.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		_, err := load(t, yaml)
		var failed *config.Error
		if err != nil && !errors.As(err, &failed) {
			t.Errorf("error = %v, want *config.Error", err)
		}
	})
}
