package shell_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// init starts a new database with a directory of init scripts.
func (s *stage) init(env map[string]string, scripts map[string]string) result {
	s.t.Helper()
	require.NoError(s.t, os.RemoveAll(s.path("scripts")))
	require.NoError(s.t, os.Mkdir(s.path("scripts"), 0o755))
	for name, content := range scripts {
		s.write("scripts/"+name, content)
	}
	return s.source(env, `INIT_SCRIPTS=`+s.path("scripts")+`; main`)
}

func TestInitScripts_refused(t *testing.T) {
	s := newStage(t)
	for content, says := range map[string]string{
		"#!/bin/bash\r\necho one\r\n": `init script "10.sh" has the line ends of Windows (CRLF), which no shell can run; ` +
			`save it with LF: sed -i 's/\r$//' 10.sh`,
		"echo x >\"$PGDATA/y\"\r\n":     `has the line ends of Windows (CRLF)`,
		"\xef\xbb\xbf#!/bin/bash\ntrue": `begins with a byte order mark`,
	} {
		got := s.init(app(), map[string]string{"10.sh": content})
		assert.Equal(t, 66, got.code, got.stderr)
		assert.Contains(t, got.stderr, says)
		assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
		assert.NotContains(t, s.calls(), "initdb", "before anything is made")
	}
	require.NoError(t, os.Symlink("/nowhere", s.path("scripts/20.sql")))
	got := s.source(app(), `INIT_SCRIPTS=`+s.path("scripts")+`; rm "$INIT_SCRIPTS/10.sh"; main`)
	assert.Equal(t, 66, got.code, got.stderr)
	assert.Contains(t, got.stderr, `may not read init script "20.sql", or it is not there`)
	got = s.source(app(), `INIT_SCRIPTS=`+s.path("scripts")+`; chmod 300 "$INIT_SCRIPTS"; main`)
	assert.Equal(t, 66, got.code, got.stderr)
	assert.Contains(t, got.stderr, "may not look into "+s.path("scripts"))
}

func TestInitScripts_configuration(t *testing.T) {
	s := newStage(t)
	got := s.init(app(), map[string]string{"10.sh": "echo BROKEN=1 >>\"$PGDATA/postgresql.conf\"\n"})
	assert.Equal(t, 70, got.code, got.stderr)
	assert.Contains(t, got.stderr, "entrypoint: the server with what the init scripts have left ended, see above; "+
		"nothing was kept, the next start begins anew\n")
	assert.Empty(t, s.entries("volume/data"), "nothing was kept")

	t.Log("names of the database being made are right where it will be; what is at the usual place belongs to it")
	got = s.init(app(), map[string]string{"10.sh": `echo "include '$PGDATA/more.conf'" >>"$PGDATA/postgresql.conf"
mkdir "$PGDATA/space" "${PGDATA%/*}/conf.d" && ln -s "$PGDATA/space" "$PGDATA/pg_tblspc/1"
mkdir "${PGDATA%/*}/outer" && ln -s "${PGDATA%/*}/outer" "$PGDATA/pg_tblspc/2"
`})
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, "include '"+s.path("volume/data/more.conf")+"'\n", s.read("volume/data/postgresql.conf"))
	target, err := os.Readlink(s.path("volume/data/pg_tblspc/1"))
	require.NoError(t, err)
	assert.Equal(t, s.path("volume/data/space"), target)
	for _, dir := range []string{"conf.d", "outer", "space"} {
		assert.DirExists(t, s.path("volume/data/"+dir))
	}
	assert.Contains(t, s.calls(), "private <-D ", "with the rules that clients will have")

	t.Log("two of one name")
	require.NoError(t, os.RemoveAll(s.path("volume/data")))
	got = s.init(app(), map[string]string{"10.sh": `mkdir "${PGDATA%/*}/base"` + "\n"})
	assert.Equal(t, 70, got.code, got.stderr)
	assert.Contains(t, got.stderr, "init scripts have left base in "+s.path("volume/data"))
}

func TestWellKnownFunctions(t *testing.T) {
	s := newStage(t)
	for _, function := range []string{
		"docker_setup_env", "docker_create_db_directories", "docker_process_init_files /x", "file_env A", "_main postgres",
	} {
		got := s.source(nil, function+"; echo went on")
		assert.Equal(t, 78, got.code, got.stderr)
		name, _, _ := strings.Cut(function, " ")
		assert.Equal(t, "entrypoint: "+name+
			` is a function of another image's entrypoint, which this one does not have: see "What differs" in `+
			"docs/core-container-architecture.md\n", got.stderr)
		assert.Empty(t, got.stdout)
	}
	page, err := os.ReadFile("../../docs/core-container-architecture.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), "#### What differs\n")
	assert.Contains(t, string(page), "`docker_setup_env`")
}

func TestClient(t *testing.T) {
	s := newStage(t)
	client := strings.ReplaceAll(strings.ReplaceAll(s.read("image/client.sh"), "/usr/local/lib/postgresql/bin",
		s.path("real")),
		"/run/postgresql", s.path("run"))
	s.write("clients/psql", client)
	s.write("real/psql", "#!/bin/sh\necho \"$# $PGPASSFILE\"\n")
	require.NoError(t, os.Chmod(s.path("real/psql"), 0o700))
	call := func(env map[string]string) string { return s.run(env, "sh", s.path("clients/psql"), "a b", "c").stdout }
	assert.Equal(t, "2 "+s.path("run/.pgpass")+"\n", call(nil))
	assert.Equal(t, "2 /mine\n", call(map[string]string{"PGPASSFILE": "/mine"}))
	s.write("home/.pgpass", "")
	assert.Equal(t, "2 \n", call(map[string]string{"HOME": s.path("home")}), "libpq then reads that one")
}

func TestSettings_CarriageReturn(t *testing.T) {
	s := newStage(t)
	for _, name := range []string{
		"PGDATA", "POSTGRES_INITDB_WALDIR", "CERT_PATH", "LOG_LEVEL", "POSTGRES_HOST_AUTH_METHOD", "POSTGRES_USER",
	} {
		got := s.script("entrypoint.sh", app(name, s.path("volume/x")+"\r"))
		assert.Equal(t, 64, got.code, got.stderr)
		assert.Equal(t, "entrypoint: "+name+" holds a line end; it must be one line\n", got.stderr)
	}
	assert.Equal(t, 64, s.script("entrypoint.sh", app("PGDATA", "//")).code)
	assert.Empty(t, s.entries("volume"))
}

func TestUsualDirectory_other_names_beside(t *testing.T) {
	s := newStage(t)
	s.write("volume/other/PG_VERSION", "15\n")
	got := s.source(nil, `USUAL_DATA=$PGDATA; refuse_elsewhere`)
	assert.Equal(t, 73, got.code, got.stderr)
	assert.Contains(t, got.stderr, "but one in "+s.path("volume/other"))
	assert.Zero(t, s.source(nil, `refuse_elsewhere`).code, "whoever names a place means it")
}

func TestRunDirectory(t *testing.T) {
	s := newStage(t)
	got := s.script("entrypoint.sh", app("POSTGRES_RUN_DIR", s.path("run/made/here")))
	require.Zero(t, got.code, got.stderr)
	got = s.script("entrypoint.sh", app("POSTGRES_RUN_DIR", "/usr/run/postgresql"))
	assert.Equal(t, 73, got.code)
	assert.Contains(t, got.stderr, "may not write to /usr (owner 0:0")
	assert.Contains(t, got.stderr, "mount a tmpfs with mode 1777 at /usr/run/postgresql (docker: --tmpfs "+
		"/usr/run/postgresql), or start the container as root (--user 0)")
	assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
}

func TestSignals(t *testing.T) {
	s := newStage(t)
	require.Zero(t, s.script("entrypoint.sh", app()).code)
	s.write("bin/postgres",
		"#!/bin/bash\n[ \"$1\" != --version ] || exec echo 'postgres (PostgreSQL) 15.20'\ngrep SigBlk /proc/self/status\n")
	require.NoError(t, os.Chmod(s.path("bin/postgres"), 0o755))
	got := s.script("entrypoint.sh", app())
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stdout, "0000000000004006", "INT, QUIT and TERM wait for the server")

	first, _, _ := strings.Cut(s.read("image/entrypoint.sh"), "\nset -")
	lines := strings.Split(first, "\n")
	assert.Contains(t, lines[len(lines)-1], "trap 'exit 130' INT", "nothing comes before it")
}
