package shell_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const segment = "000000010000000000000001"

// killed puts an initialisation on the stage that was killed when its log was in its own directory.
func (s *stage) killed(mark, itsMark string) {
	s.write("volume/data/.poststack-init/base/1", "")
	s.write("wal/"+segment, "log")
	s.write("wal/archive_status/x", "")
	require.NoError(s.t, os.Symlink(s.path("wal"), s.path("volume/data/.poststack-init/pg_wal")))
	require.NoError(s.t, os.Chmod(s.path("volume/data"), 0o700))
	if mark != "" {
		s.write("volume/data/.poststack-init/.poststack-wal", mark+"\n"+s.path("wal")+"\n")
	}
	if itsMark != "" {
		s.write("wal/.poststack-wal", itsMark+"\n")
	}
}

func TestStart_WALDirectory(t *testing.T) {
	t.Parallel()
	wal := func(s *stage) map[string]string { return app("POSTGRES_INITDB_WALDIR", s.path("wal")) }
	t.Run("a new database has its log there", func(t *testing.T) {
		s := newStage(t)
		got := s.script("entrypoint.sh", wal(s))
		require.Zero(t, got.code, got.stderr)
		assert.Equal(t, []string{segment, "archive_status"}, s.entries("wal"), "and no mark when it is finished")
		target, err := os.Readlink(s.path("volume/data/pg_wal"))
		require.NoError(t, err)
		assert.Equal(t, s.path("wal"), target)
	})
	t.Run("its own goes with what did not finish", func(t *testing.T) {
		s := newStage(t)
		s.killed("one", "one")
		require.NoError(t, os.Remove(s.path("wal/"+segment)))
		s.write("wal/000000010000000000000007.partial", "")
		got := s.script("entrypoint.sh", wal(s))
		require.Zero(t, got.code, got.stderr)
		assert.Contains(t, got.stderr, "an earlier initialisation did not finish")
		assert.Equal(t, []string{segment, "archive_status"}, s.entries("wal"))

		s = &stage{t: t, dir: s.dir, env: s.env}
		require.NoError(t, os.RemoveAll(s.path("volume/data")))
		require.NoError(t, os.RemoveAll(s.path("wal")))
		got = s.script("entrypoint.sh", app("POSTGRES_INITDB_WALDIR", s.path("wal"), "SINGLE_FAILS", "1"))
		assert.Equal(t, 70, got.code)
		assert.Empty(t, s.entries("wal"), "nothing was kept")
	})
	for name, mark := range map[string][2]string{
		"another database's, which did not finish either": {"one", "two"},
		"a finished database's":                           {"one", ""},
		"that of a start without marks":                   {"", ""},
		"marked by another":                               {"", "two"},
	} {
		t.Run(name+", is never deleted", func(t *testing.T) {
			s := newStage(t)
			s.killed(mark[0], mark[1])
			before := s.entries("wal")
			got := s.script("entrypoint.sh", wal(s))
			assert.Equal(t, 73, got.code, got.stderr)
			assert.Contains(t, got.stderr, "POSTGRES_INITDB_WALDIR: a new database needs an empty directory, not "+s.path("wal"))
			assert.Equal(t, before, s.entries("wal"))
			assert.Equal(t, "log", s.read("wal/"+segment))
			got = s.script("entrypoint.sh", app())
			require.Zero(t, got.code, got.stderr)
			assert.Equal(t, before, s.entries("wal"), "nor by a database that has its log elsewhere")
		})
	}
	t.Run("one in use is refused", func(t *testing.T) {
		s := newStage(t)
		require.NoError(t, os.Mkdir(s.path("wal"), 0o700))
		dir, err := os.Open(s.path("wal"))
		require.NoError(t, err)
		defer dir.Close()
		require.NoError(t, unix.Flock(int(dir.Fd()), unix.LOCK_EX))
		got := s.script("entrypoint.sh", wal(s))
		assert.Equal(t, 75, got.code, got.stderr)

		t.Log("also for a database that is there, such as a copy of another's")
		require.NoError(t, unix.Flock(int(dir.Fd()), unix.LOCK_UN))
		require.Zero(t, s.script("entrypoint.sh", wal(s)).code)
		require.NoError(t, unix.Flock(int(dir.Fd()), unix.LOCK_EX))
		got = s.script("entrypoint.sh", app())
		assert.Equal(t, 75, got.code, got.stderr)
		assert.Contains(t, got.stderr, "another container uses "+s.path("volume/data/pg_wal"))
	})
	t.Run("one in PGDATA is refused", func(t *testing.T) {
		s := newStage(t)
		for _, below := range []string{"", "/", "/pg_wal", "/a/b"} {
			got := s.script("entrypoint.sh", app("POSTGRES_INITDB_WALDIR", s.path("volume/data")+below))
			assert.Equal(t, 64, got.code, got.stderr)
			assert.Contains(t, got.stderr, "POSTGRES_INITDB_WALDIR must not be in PGDATA")
		}
		assert.Empty(t, s.entries("volume"))
	})
}

func TestTablespaces(t *testing.T) {
	s := newStage(t)
	s.write("space/PG_15_202209061/5/1", "rows")
	s.write("space/mine", "")
	s.write("volume/data/.poststack-init/pg_tblspc/x", "")
	s.write("volume/data/.poststack-init/inner/PG_15_202209061/x", "")
	for oid, target := range map[string]string{"1": "space", "2": "volume/data/.poststack-init/inner", "3": "gone"} {
		require.NoError(t, os.Symlink(s.path(target), s.path("volume/data/.poststack-init/pg_tblspc/"+oid)))
	}
	got := s.script("entrypoint.sh", app())
	assert.Equal(t, 73, got.code, got.stderr)
	assert.Contains(t, got.stderr, "has left a tablespace in "+s.path("space/PG_15_202209061")+
		"; if no other database uses it, remove it and start again")
	assert.Equal(t, "rows", s.read("space/PG_15_202209061/5/1"), "who has used it since is not known")

	t.Log("the start that has made it knows")
	got = s.source(nil, `drop_tablespaces "$PGDATA/$STAGE"`)
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, []string{"mine"}, s.entries("space"))
	got = s.script("entrypoint.sh", app())
	require.Zero(t, got.code, got.stderr)
}

func TestStart_Layouts(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{
		"volume/18/docker", "volume/15/main", "volume/data/18/docker", "volume/data/15/main", "volume/data/pgdata",
	} {
		t.Run(layout+" is not begun anew beside", func(t *testing.T) {
			s := newStage(t)
			s.write(layout+"/PG_VERSION", "15\n")
			got := s.script("entrypoint.sh", app())
			assert.Equal(t, 73, got.code, got.stderr)
			assert.Contains(t, got.stderr,
				"but one in "+s.path(layout)+": mount the volume at the place it was made for, or set PGDATA="+s.path(layout)+"\n")
			require.Zero(t, s.script("entrypoint.sh", app("PGDATA", s.path(layout))).code)
		})
	}
	t.Run("the usual place beside such a layout", func(t *testing.T) {
		s := newStage(t)
		s.write("volume/data/PG_VERSION", "15\n")
		got := s.script("entrypoint.sh", app("PGDATA", s.path("volume/18/docker")))
		assert.Equal(t, 73, got.code, got.stderr)
		assert.Equal(t, []string{"data"}, s.entries("volume"), "nothing was made")
	})
	t.Run("one that cannot be looked into counts", func(t *testing.T) {
		s := newStage(t)
		s.write("volume/15/main/x", "")
		require.NoError(t, os.Chmod(s.path("volume/15/main"), 0))
		got := s.script("entrypoint.sh", app())
		assert.Equal(t, 73, got.code, got.stderr)
		require.NoError(t, os.Chmod(s.path("volume/15/main"), 0o700))
	})
	t.Run("a directory that only looks like it does not", func(t *testing.T) {
		s := newStage(t)
		s.write("volume/2024/main/notes", "")
		require.NoError(t, os.MkdirAll(s.path("volume/15/main"), 0o700))
		got := s.script("entrypoint.sh", app())
		require.Zero(t, got.code, got.stderr)
	})
}

func TestStart_HalfMade(t *testing.T) {
	t.Parallel()
	t.Run("a file by the name of the stage stays", func(t *testing.T) {
		s := newStage(t)
		s.write("volume/data/.poststack-init", "mine")
		got := s.script("entrypoint.sh", app())
		assert.Equal(t, 73, got.code, got.stderr)
		assert.Contains(t, got.stderr, ".poststack-init is in the way, and no directory; move it away")
		assert.Equal(t, "mine", s.read("volume/data/.poststack-init"))
	})
	t.Run("a link by that name, and what it leads to, stay", func(t *testing.T) {
		s := newStage(t)
		s.write("precious/x", "mine")
		require.NoError(t, os.Mkdir(s.path("volume/data"), 0o700))
		require.NoError(t, os.Symlink(s.path("precious"), s.path("volume/data/.poststack-init")))
		got := s.script("entrypoint.sh", app())
		assert.Equal(t, 73, got.code, got.stderr)
		assert.Equal(t, "mine", s.read("precious/x"))
	})
	t.Run("a finished one without a version is none", func(t *testing.T) {
		s := newStage(t)
		require.NoError(t, os.MkdirAll(s.path("volume/data/.poststack-finished"), 0o700))
		got := s.script("entrypoint.sh", app())
		require.Zero(t, got.code, got.stderr)
		assert.FileExists(t, s.path("volume/data/PG_VERSION"))
	})
	t.Run("a file in the place of PGDATA is named", func(t *testing.T) {
		s := newStage(t)
		s.write("volume/data", "")
		got := s.script("entrypoint.sh", app())
		assert.Equal(t, 73, got.code, got.stderr)
		assert.Contains(t, got.stderr, s.path("volume/data")+" is no directory")
		assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
	})
	t.Run("a mode that PostgreSQL refuses is set right", func(t *testing.T) {
		s := newStage(t)
		require.Zero(t, s.script("entrypoint.sh", app()).code)
		for mode, want := range map[os.FileMode]os.FileMode{0o755: 0o700, 0o770: 0o700, 0o750: 0o750, 0o700: 0o700} {
			require.NoError(t, os.Chmod(s.path("volume/data"), mode))
			require.Zero(t, s.script("entrypoint.sh", app()).code)
			info, err := os.Stat(s.path("volume/data"))
			require.NoError(t, err)
			assert.Equal(t, want, info.Mode().Perm())
		}
	})
}

func TestStart_Record(t *testing.T) {
	s := newStage(t)
	require.Zero(t, s.script("entrypoint.sh", app()).code)
	whole := s.read("volume/data/poststack_password")
	s.calls()
	for name, content := range map[string]string{
		"empty": "", "a name only": "app\n", "cut short": whole[:40], "zeros": strings.Repeat("\x00", 122),
		"another text": "app\nhello\n",
	} {
		s.write("volume/data/poststack_password", content)
		got := s.script("entrypoint.sh", app())
		require.Zero(t, got.code, "%s: %s", name, got.stderr)
		assert.Contains(t, got.stderr,
			`the database has no record of a password, as one that another image made: role "app" now has the one that is set`,
			name)
		assert.Contains(t, s.calls(), "ALTER ROLE", name)
		got = s.script("entrypoint.sh", app())
		require.Zero(t, got.code, name)
		assert.Empty(t, got.stderr, name)
	}
}

func TestRecord_is_synced(t *testing.T) {
	s := newStage(t)
	got := s.source(app(), `sync() { echo "sync ${!###*/}"; }; mv() { echo "mv ${!###*/}"; command mv "$@"; }; PGDATA=`+
		s.path("volume")+`; record_password "$PGDATA"`)
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, "sync poststack_password.new\nmv poststack_password\nsync volume\n", got.stdout)
}
