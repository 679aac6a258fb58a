package shell_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStart_Login(t *testing.T) {
	s := newStage(t)
	require.Zero(t, s.script("entrypoint.sh", app("POSTGRES_USER", `a:b\c`, "PGPASSFILE", s.path("run/.pgpass"))).code)
	assert.Equal(t, "localhost:*:*:a\\:b\\\\c:p'w\"\\\\$HOME\n", s.read("run/.pgpass"))
	info, err := os.Stat(s.path("run/.pgpass"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())

	t.Log("without a password there is none, and an own file of the server stays its own")
	got := s.script("entrypoint.sh", map[string]string{"PGPASSFILE": "/mine"})
	require.Zero(t, got.code, got.stderr)
	assert.Empty(t, s.read("run/.pgpass"))
	assert.Contains(t, got.stdout, "PGPASSFILE=/mine\n")
}

func TestStart_Elsewhere(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"higher": "volume", "lower": "volume/data/data"} {
		t.Run("a database a directory "+name+" is not begun anew beside", func(t *testing.T) {
			s := newStage(t)
			s.write(file+"/PG_VERSION", "15\n")
			before := s.entries("volume")
			got := s.script("entrypoint.sh", app())
			assert.Equal(t, 73, got.code, got.stderr)
			assert.Contains(t, got.stderr, "there is no database in "+s.path("volume/data")+", but one in "+s.path(file)+":")
			assert.Equal(t, before, s.entries("volume"), "nothing was made")
		})
	}
}

func TestStart_Mode(t *testing.T) {
	s := newStage(t)
	got := s.script("entrypoint.sh", app("LOG_LEVEL", "warn"), "postgres", "--single", "app")
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, s.calls(), "single <>", "the mode is the first argument")
}

func TestConfiguration_lent(t *testing.T) {
	s := newStage(t)
	s.write("volume/data/.poststack-init/postgresql.conf", "one\n")
	s.write("volume/data/.poststack-init/pg_hba.conf", "rules\n")
	s.write("volume/data/.poststack-init/pg_ident.conf", "")
	got := s.source(nil,
		`lend_configuration "$PGDATA/$STAGE"; cd "$PGDATA"; echo two >>postgresql.conf; sed -i s/rules/edited/ pg_hba.conf
		[[ ! -L pg_hba.conf ]] || echo unexpected; take_configuration "$PGDATA/$STAGE"`)
	require.Zero(t, got.code, got.stderr)
	assert.Empty(t, got.stdout)
	assert.Equal(t, "one\ntwo\n", s.read("volume/data/.poststack-init/postgresql.conf"))
	assert.Equal(t, "edited\n", s.read("volume/data/.poststack-init/pg_hba.conf"))
	assert.Equal(t, []string{".poststack-init"}, s.entries("volume/data"))
	assert.Equal(t, []string{"pg_hba.conf", "pg_ident.conf", "postgresql.conf"}, s.entries("volume/data/.poststack-init"))
}

func TestInitdbArguments_of_several_lines(t *testing.T) {
	s := newStage(t)
	got := s.script("entrypoint.sh", app("POSTGRES_INITDB_ARGS", "--one\n--two='a b'\r\n"))
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, line(s.calls(), "initdb"), " <--one> <--two=a b>")
}
