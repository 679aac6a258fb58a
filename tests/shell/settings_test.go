package shell_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFromFile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, content, want string }{
		{"a bare value is kept", "pw x", "pw x"},
		{"a line end is not part of the value", "pw\n", "pw"},
		{"nor is that of another system", "pw\r\n", "pw"},
		{"blanks are kept", " pw \n", " pw "},
		{"nothing is expanded", "$HOME `id` \\n\n", "$HOME `id` \\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t)
			got := s.source(map[string]string{"POSTGRES_DB_FILE": s.write("file", test.content)},
				`from_file POSTGRES_DB; printf '<%s>' "$POSTGRES_DB" "${POSTGRES_DB_FILE-unset}"`)
			assert.Equal(t, "<"+test.want+"><unset>", got.stdout, got.stderr)
		})
	}
}

func TestSettings_Refusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		env  map[string]string
		code int
		says string
	}{
		{"no password", nil, 64, "set POSTGRES_PASSWORD_FILE or POSTGRES_PASSWORD"},
		{
			"a variable and its file",
			map[string]string{"POSTGRES_PASSWORD": "pw", "POSTGRES_PASSWORD_FILE": "/x"},
			64, "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set",
		},
		{
			"a file that is missing",
			map[string]string{"POSTGRES_PASSWORD_FILE": "/no/such"},
			66, "POSTGRES_PASSWORD_FILE: there is no file /no/such",
		},
		{
			"a directory",
			map[string]string{"POSTGRES_PASSWORD_FILE": "/usr"},
			66, "POSTGRES_PASSWORD_FILE: /usr is a directory",
		},
		{"an empty file", map[string]string{"POSTGRES_PASSWORD_FILE": "/dev/null"}, 66, "/dev/null is empty"},
		{"a password of two lines", map[string]string{"POSTGRES_PASSWORD": "a\nb"}, 64, "POSTGRES_PASSWORD holds a line end"},
		{
			"a name that would be cut",
			map[string]string{"POSTGRES_PASSWORD": "pw", "POSTGRES_USER": strings.Repeat("ü", 32)},
			64, "POSTGRES_USER is longer than",
		},
		{
			"a relative data directory",
			map[string]string{"POSTGRES_PASSWORD": "pw", "PGDATA": "data"},
			64, "PGDATA must be an absolute path",
		},
		{
			"a relative directory for the log",
			map[string]string{"POSTGRES_PASSWORD": "pw", "POSTGRES_INITDB_WALDIR": "wal"},
			64, "POSTGRES_INITDB_WALDIR must be an absolute path",
		},
		{
			"an unknown log level",
			map[string]string{"POSTGRES_PASSWORD": "pw", "LOG_LEVEL": "loud"},
			64, `LOG_LEVEL is "loud"; set error`,
		},
		{
			"an open quote",
			map[string]string{"POSTGRES_PASSWORD": "pw", "POSTGRES_INITDB_ARGS": "--a='b"},
			64, "POSTGRES_INITDB_ARGS has an open quote",
		},
	} {
		t.Run(test.name+" is refused", func(t *testing.T) {
			s := newStage(t)
			got := s.script("entrypoint.sh", test.env)
			assert.Equal(t, test.code, got.code, got.stderr)
			assert.Contains(t, got.stderr, test.says)
			assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
			assert.NotContains(t, s.entries("volume"), ".calls", "no program is run")
		})
	}
}

func TestSettings_File(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_INITDB_ARGS"} {
		t.Run(name+" may come from a file", func(t *testing.T) {
			s := newStage(t)
			got := s.script("entrypoint.sh", map[string]string{
				"POSTGRES_PASSWORD": "pw", name + "_FILE": s.write("file", "--from-file\n"),
			})
			require.Zero(t, got.code, got.stderr)
			assert.Contains(t, s.calls(), "--from-file")
		})
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]string{
		"": "", "info": "", "error": "log_min_messages=error", "warn": "log_min_messages=warning",
		"debug": "log_min_messages=debug1", "trace": "log_min_messages=debug3",
	} {
		t.Run("level "+level, func(t *testing.T) {
			s := newStage(t)
			got := s.script("entrypoint.sh", map[string]string{"POSTGRES_PASSWORD": "pw", "LOG_LEVEL": level}, "-c", "a=b")
			require.Zero(t, got.code, got.stderr)
			if want != "" {
				want = " <-c> <" + want + ">"
			}
			assert.Equal(t, "server"+want+" <-c> <a=b>", line(got.stdout, "server"))
		})
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing is the server", nil, "server <>"},
		{"an option is the server's", []string{"-c", "shared_buffers=1GB"}, "server <-c> <shared_buffers=1GB>"},
		{"the server may be named", []string{"postgres", "-c", "x=y z"}, "server <-c> <x=y z>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t)
			got := s.script("entrypoint.sh", map[string]string{"POSTGRES_PASSWORD": "pw"}, test.args...)
			require.Zero(t, got.code, got.stderr)
			assert.Equal(t, test.want, line(got.stdout, "server"))
		})
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"another command is run as it is", []string{"echo", "-n", "hello"}, "hello"},
		{"the version needs no database", []string{"--version"}, "postgres (PostgreSQL) 15.20"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t)
			got := s.script("entrypoint.sh", nil, test.args...)
			require.Zero(t, got.code, got.stderr)
			assert.Contains(t, got.stdout, test.want)
			_, err := os.Stat(s.path("volume/data"))
			assert.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}
