package shell_test

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// app is the settings of a usual start.
func app(more ...string) map[string]string {
	env := map[string]string{"POSTGRES_USER": "app", "POSTGRES_PASSWORD": `p'w"\$HOME`}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return env
}

func TestStart_New(t *testing.T) {
	s := newStage(t)
	s.write("volume/lost+found/x", "foreign")
	got := s.script("entrypoint.sh",
		app("POSTGRES_INITDB_ARGS", `--a='b c' --d=$HOME --e=$(id)`, "POSTGRES_HOST_AUTH_METHOD", "md5"))
	require.Zero(t, got.code, got.stderr)

	calls := s.calls()
	initdb := line(calls, "initdb")
	assert.Contains(t, initdb, " <--username=app> <--encoding=UTF8> <--locale=C.UTF-8>")
	assert.Contains(t, initdb, " <--auth-local=scram-sha-256> <--auth-host=scram-sha-256>")
	assert.Contains(t, initdb, ` <--a=b c> <--d=$HOME> <--e=$(id)>`, "split at blanks outside quotes, not expanded")
	assert.NotContains(t, initdb, "p'w", "the password is in no argument")
	assert.Equal(t, `password <p'w"\$HOME>`, line(calls, "password"))
	assert.Equal(t, `single <CREATE DATABASE "app" STRATEGY file_copy;`, line(calls, "single"))
	assert.Contains(t, calls, "pg_hba_file_rules",
		"a method that is not the usual one is read by PostgreSQL before the database counts")
	assert.Contains(t, calls, "<--sync-only>")

	assert.Equal(t, []string{
		"PG_VERSION", "base", "global", "pg_hba.conf", "pg_ident.conf", "pg_tblspc", "pg_wal", "postgresql.auto.conf",
		"postgresql.conf", "poststack_password",
	}, s.entries("volume/data"))
	assert.Contains(t, s.read("volume/data/pg_hba.conf"), "\nhost all all all md5\n")
	assert.Equal(t, "foreign", s.read("volume/lost+found/x"))
	assert.NotContains(t, got.stdout, "p'w", "the server's environment has no password")
	assert.NotContains(t, s.read("volume/data/poststack_password"), "p'w")
}

// A superuser of another name gets no password, and rules of its own before all others, whatever those are.
func TestStart_Superuser(t *testing.T) {
	s := newStage(t)
	env := app("POSTGRES_SUPERUSER", `the "chief"`, "POSTGRES_DB", "mail", "POSTGRES_HOST_AUTH_METHOD", "md5")
	got := s.script("entrypoint.sh", env)
	require.Zero(t, got.code, got.stderr)
	calls := s.calls()
	assert.Contains(t, line(calls, "initdb"), `<--username=the "chief"> `)
	assert.Empty(t, line(calls, "password"))
	assert.Contains(t, calls, `single <CREATE ROLE "app" LOGIN CREATEROLE PASSWORD 'p''w"\$HOME';

CREATE DATABASE "mail" STRATEGY file_copy;

ALTER DATABASE "mail" OWNER TO "app";`)
	assert.Equal(t, `local all "the ""chief""" peer map=inside
host all "the ""chief""" all reject
local all all scram-sha-256
host all all all md5
`, s.read("volume/data/pg_hba.conf"))
	assert.Equal(t, "inside postgres \"the \"\"chief\"\"\"\n", s.read("volume/data/pg_ident.conf"))
	assert.Contains(t, s.read("run/.pgpass"), ":app:")

	require.Zero(t, s.script("entrypoint.sh", env).code)
	assert.Empty(t, s.calls(), "nothing is settled at a usual start")
	env["POSTGRES_ELEVATED"] = "yes"
	got = s.script("entrypoint.sh", maps.Clone(env))
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, s.calls(), `single <ALTER ROLE "app" SUPERUSER;`)
	assert.FileExists(t, s.path("volume/data/poststack_elevated"))
	delete(env, "POSTGRES_ELEVATED")
	env["SINGLE_FAILS"] = "1"
	assert.Equal(t, 78, s.script("entrypoint.sh", maps.Clone(env)).code)
	assert.FileExists(t, s.path("volume/data/poststack_elevated"), "the next start tries again")
	delete(env, "SINGLE_FAILS")
	require.Zero(t, s.script("entrypoint.sh", env).code)
	assert.Contains(t, s.calls(), `NOSUPERUSER`)
	assert.NoFileExists(t, s.path("volume/data/poststack_elevated"))
}

func TestStart_Trust(t *testing.T) {
	s := newStage(t)
	got := s.script("entrypoint.sh", map[string]string{"POSTGRES_HOST_AUTH_METHOD": "trust", "POSTGRES_DB": `my "db"`})
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stderr, "let in without a password")
	calls := s.calls()
	assert.Contains(t, calls, "<--auth-local=trust>")
	assert.Equal(t, `single <CREATE DATABASE "my ""db""" STRATEGY file_copy;`, line(calls, "single"))
}

func TestStart_Existing(t *testing.T) {
	s := newStage(t)
	require.Zero(t, s.script("entrypoint.sh", app()).code)
	s.calls()

	t.Log("the same password again")
	got := s.script("entrypoint.sh", app())
	require.Zero(t, got.code, got.stderr)
	assert.Empty(t, s.calls())
	assert.Empty(t, got.stderr)

	t.Log("no password at all")
	require.Zero(t, s.script("entrypoint.sh", app("POSTGRES_PASSWORD", "")).code)
	assert.Empty(t, s.calls())

	t.Log("another password")
	got = s.script("entrypoint.sh", app("POSTGRES_PASSWORD", `it's\`))
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, `single <ALTER ROLE "app" PASSWORD 'it''s\';>`, line(s.calls(), "single"))
	assert.Contains(t, got.stderr, `role "app" now has the new one`)
	require.Zero(t, s.script("entrypoint.sh", app("POSTGRES_PASSWORD", `it's\`)).code)
	assert.Empty(t, s.calls(), "it is remembered")

	t.Log("another user")
	got = s.script("entrypoint.sh", app("POSTGRES_USER", "other"))
	assert.Equal(t, 78, got.code)
	assert.Contains(t, got.stderr, "made with POSTGRES_USER=app, not other")

	t.Log("a user that the database does not have")
	require.NoError(t, os.Remove(s.path("volume/data/poststack_password")))
	got = s.script("entrypoint.sh", app("SINGLE_FAILS", "1"))
	assert.Equal(t, 78, got.code)
	assert.Contains(t, got.stderr, `cannot set the password of role "app"`)
	assert.NotContains(t, got.stderr, "p'w")

	t.Log("a server in recovery")
	s.write("volume/data/standby.signal", "")
	got = s.script("entrypoint.sh", app("SINGLE_FAILS", "1"))
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stderr, "keeps the one it has")
}

func TestStart_OtherVersion(t *testing.T) {
	s := newStage(t)
	require.Zero(t, s.script("entrypoint.sh", app()).code)
	s.calls()
	s.write("volume/data/PG_VERSION", "14\n")
	got := s.script("entrypoint.sh", app("POSTGRES_PASSWORD", "another"))
	assert.Equal(t, 78, got.code)
	assert.Contains(t, got.stderr, "was made by PostgreSQL 14, this image has 15")
	assert.Empty(t, s.calls(), "nothing opens it")
}

func TestStart_InitdbFails(t *testing.T) {
	s := newStage(t)
	got := s.script("entrypoint.sh", app("INITDB_FAILS", "1"))
	assert.Equal(t, 70, got.code)
	assert.Contains(t, got.stderr, "no space left")
	assert.Contains(t, got.stderr, "entrypoint: initdb did not work, see above; nothing was kept\n")
	assert.NotContains(t, s.calls(), "single", "nothing goes on after the failure")
	assert.Empty(t, s.entries("volume/data"), "nothing was kept")

	got = s.script("entrypoint.sh", app("SINGLE_FAILS", "1"))
	assert.Equal(t, 70, got.code)
	assert.Contains(t, got.stderr, "nothing was kept\n")
	assert.Empty(t, s.entries("volume/data"), "nothing was kept")

	got = s.script("entrypoint.sh", app("POSTGRES_INITDB_ARGS", "--pgdata="+s.path("volume/elsewhere")))
	assert.Equal(t, 70, got.code)
	assert.Contains(t, got.stderr, "POSTGRES_INITDB_ARGS lead initdb away from this")
	assert.Empty(t, s.entries("volume/data"))
}

func TestStart_InterruptedMove(t *testing.T) {
	s := newStage(t)
	s.write("volume/data/base/1", "")
	s.write("volume/data/.poststack-finished/PG_VERSION", "15\n")
	s.write("volume/data/.poststack-finished/global/1", "")
	require.NoError(t, os.Chmod(s.path("volume/data"), 0o700))
	got := s.script("entrypoint.sh", nil)
	require.Zero(t, got.code, got.stderr)
	assert.Empty(t, s.calls(), "nothing is made anew")
	assert.Equal(t, []string{"PG_VERSION", "base", "global"}, s.entries("volume/data"))
}

func TestStart_Refusals(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"base", "global", "postgresql.conf"} {
		t.Run("a directory with "+name+" but no PG_VERSION is refused", func(t *testing.T) {
			s := newStage(t)
			s.write("volume/data/"+name+"/x", "")
			got := s.script("entrypoint.sh", app())
			assert.Equal(t, 73, got.code, got.stderr)
			assert.Contains(t, got.stderr, "holds "+name+" but no PG_VERSION")
			assert.Empty(t, s.calls())
			assert.Equal(t, []string{name}, s.entries("volume/data"))
		})
	}
	t.Run("a directory in use is refused", func(t *testing.T) {
		s := newStage(t)
		require.NoError(t, os.Mkdir(s.path("volume/data"), 0o700))
		dir, err := os.Open(s.path("volume/data"))
		require.NoError(t, err)
		defer dir.Close()
		require.NoError(t, unix.Flock(int(dir.Fd()), unix.LOCK_EX))
		got := s.script("entrypoint.sh", app())
		assert.Equal(t, 75, got.code, got.stderr)
		assert.Contains(t, got.stderr, "another container uses "+s.path("volume/data"))
		assert.Empty(t, s.entries("volume/data"))
	})
	t.Run("a directory out of reach is refused with what it holds", func(t *testing.T) {
		s := newStage(t)
		got := s.script("entrypoint.sh", app("PGDATA", "/usr/new/data"))
		assert.Equal(t, 73, got.code)
		assert.Contains(t, got.stderr, "has no use of /usr (owner 0:0, mode 755, holds ")
		assert.Equal(t, 1, strings.Count(got.stderr, "\n"))
	})
	t.Run("a name with blanks is none of those", func(t *testing.T) {
		s := newStage(t)
		got := s.script("entrypoint.sh", app("PGDATA", s.path("volume/one/two three")))
		require.Zero(t, got.code, got.stderr)
		assert.FileExists(t, s.path("volume/one/two three/PG_VERSION"))
	})
}
