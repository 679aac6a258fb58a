package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/tests/checkout"
)

// TestBackup backs a database up, loses things, and has them back.
func TestBackup(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		b := &backedUp{Checkout: checkout.New(t, kind), engine: enginetest.Open(t, kind)}
		r := b.Mage(t, nil, "db:backup")
		assert.Equal(t, 5, r.Code, "there is no database yet")
		b.OK(t, "install")
		b.OK(t, "setup")
		b.name = "poststack-" + b.Stack(t)
		conn := connect(t, b.URL(t))
		_, err := conn.Exec(t.Context(), `create role "a reader" nologin;
			create table "odd ""name" (n int primary key, t text);
			grant select on "odd ""name" to "a reader"; insert into "odd ""name" select i, repeat(md5(i::text), 9)
			from generate_series(1, 20000) i;
			alter role "a reader" set work_mem = '7MB'; grant pg_read_all_settings to "a reader";
			revoke temporary on database poststack from public; grant temporary on database poststack to "a reader";
			comment on role "a reader" is 'reads 100%'; comment on database poststack is 'it''s one';
			alter database poststack connection limit 77;
			select lo_from_bytea(4711, 'large');
			insert into dns_zones (name, primary_ns, hostmaster) values ('example.org', 'ns1.example.org',
			'hostmaster@example.org')`)
		require.NoError(t, err)

		t.Run("a restore brings back what was there, and nothing else", b.restored)
		t.Run("an encrypted one needs its key", b.encrypted)
		t.Run("a damaged one changes nothing", b.damaged)
		t.Run("old ones are deleted", b.pruned)
		t.Run("a restore that is killed leaves the database", b.killed)
		t.Run("cron makes one", b.scheduled)
		t.Run("another stack can restore it", b.elsewhere)
	})
}

// backedUp is a checkout whose database is backed up.
type backedUp struct {
	*checkout.Checkout
	engine *engine.Engine
	name   string // what the names of its things begin with
	file   string // a backup that is not encrypted
}

// document is what a target gave.
func document[T any](t *testing.T, r checkout.Result) (data T) {
	t.Helper()
	require.Zero(t, r.Code, r.Stderr)
	documents := read(t, r.Stdout)
	phases := documents[len(documents)-1].Phases
	text, err := json.Marshal(phases[len(phases)-1].Data)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &data))
	return data
}

// rows is how many rows the table has that this test makes; -1 if there is no such table.
func (b *backedUp) rows(t *testing.T) (n int) {
	t.Helper()
	conn := connect(t, b.URL(t))
	if err := conn.QueryRow(t.Context(), `select count(*) from "odd ""name"`).Scan(&n); err != nil {
		return -1
	}
	return n
}

// volumes are the data volumes of the stack.
func (b *backedUp) volumes(t *testing.T) (names []string) {
	t.Helper()
	found, err := b.engine.VolumeList(t.Context(), map[string]string{container.LabelStack: b.Stack(t)})
	require.NoError(t, err)
	for _, v := range found {
		if strings.HasPrefix(v.Name, b.name+"-data") {
			names = append(names, v.Name)
		}
	}
	return names
}

// disposable are containers of a run that goes on, or that left them, with a data volume of the stack.
func (b *backedUp) disposable(t *testing.T) []engine.Container {
	t.Helper()
	found, err := b.engine.ContainerList(t.Context(),
		map[string]string{container.LabelDisposable: "true", container.LabelRole: "postgres"})
	require.NoError(t, err)
	return slices.DeleteFunc(found, func(c engine.Container) bool {
		return !slices.ContainsFunc(c.Mounts, func(m engine.Mount) bool {
			return strings.HasPrefix(m.Volume, b.name+"-data")
		})
	})
}

func (b *backedUp) restored(t *testing.T) {
	b.file = document[stack.BackupData](t, b.Mage(t, asked(), "db:backup", "-verify")).File
	info, err := os.Stat(b.file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	assert.Contains(t, b.OK(t, "db:backups", "-check").Stdout, "whole")

	before := b.volumes(t)
	conn := connect(t, b.URL(t))
	_, err = conn.Exec(t.Context(), `drop table "odd ""name"; grant "a reader" to current_user;
		drop owned by "a reader"; drop role "a reader";
		create table later (); select lo_unlink(4711)`)
	require.NoError(t, err)
	var served int64
	require.NoError(t,
		conn.QueryRow(t.Context(), `update dns_zones set refresh = refresh + 1 returning serial`).Scan(&served))
	refused := b.Mage(t, nil, "db:restore", b.file)
	assert.Equal(t, 2, refused.Code, "there is nobody to ask")
	assert.Contains(t, refused.Stderr, "nothing was changed")
	assert.Equal(t, -1, b.rows(t))

	r := b.Mage(t, asked(), "db:restore", filepath.Base(b.file), "-yes")
	assert.Greater(t, document[stack.RestoredData](t, r).Rows, int64(20000))
	assert.Equal(t, 20000, b.rows(t))
	conn = connect(t, b.URL(t))
	var later, may bool
	var large, memory, said string
	require.NoError(t, conn.QueryRow(t.Context(), `select to_regclass('later') is not null, has_table_privilege('a reader',
		'"odd ""name"', 'select') and has_database_privilege('a reader', current_database(), 'temporary')
		and pg_has_role('a reader', 'pg_read_all_settings', 'member')
		and not has_database_privilege('poststack_nginx', current_database(), 'temporary'),
		convert_from(lo_get(4711), 'UTF8'), (select rolconfig::text from pg_roles where rolname = 'a reader'),
		(select concat_ws(', ', shobj_description('"a reader"'::regrole, 'pg_authid'), shobj_description(oid, 'pg_database'),
		datconnlimit) from pg_database where datname = current_database())`,
	).Scan(&later, &may, &large, &memory, &said))
	assert.False(t, later)
	assert.True(t, may)
	assert.Equal(t, "large", large)
	assert.Equal(t, "{work_mem=7MB}", memory)
	assert.Equal(t, "reads 100%, it's one, 77", said)
	var serial int64
	require.NoError(t, conn.QueryRow(t.Context(), `select serial from dns_zones`).Scan(&serial))
	assert.Greater(t, serial, served, "secondary servers take only what is newer")
	after := b.volumes(t)
	assert.Len(t, after, 1, "the former volume is gone")
	assert.NotEqual(t, before, after)
	assert.Empty(t, b.disposable(t))
	assert.Equal(t, "unchanged", outcome(b.OK(t, "setup"), "schema:update"))
	b.OK(t, "down", "db:start")
	assert.Equal(t, 20000, b.rows(t))
}

func (b *backedUp) encrypted(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(key.String()+"\n"), 0o600))
	to := []string{"POSTSTACK_BACKUP_RECIPIENTS=" + key.Recipient().String(), "POSTSTACK_BACKUP_DIR=" + t.TempDir()}
	made := document[stack.BackupData](t, b.Mage(t, append(asked(), to...), "db:backup")).File
	text, err := os.ReadFile(made)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "create table")
	assert.NotContains(t, string(text), "PGDMP")
	assert.Contains(t, b.Mage(t, to, "db:backups", "-check").Stdout, "whole", "which needs no key")

	without := b.Mage(t, nil, "db:restore", made, "-yes")
	assert.Equal(t, 2, without.Code)
	assert.Contains(t, without.Stderr, "POSTSTACK_BACKUP_IDENTITY")
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	wrong := filepath.Join(t.TempDir(), "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte(other.String()+"\n"), 0o600))
	without = b.Mage(t, []string{"POSTSTACK_BACKUP_IDENTITY=" + wrong}, "db:restore", made, "-yes")
	assert.Equal(t, 2, without.Code)
	assert.Contains(t, without.Stderr, "no identity of "+wrong+" opens it")

	_, err = connect(t, b.URL(t)).Exec(t.Context(), `delete from "odd ""name"`)
	require.NoError(t, err)
	require.Zero(t, b.Mage(t, []string{"POSTSTACK_BACKUP_IDENTITY=" + file}, "db:restore", made, "-yes").Code)
	assert.Equal(t, 20000, b.rows(t))
}

func (b *backedUp) damaged(t *testing.T) {
	text, err := os.ReadFile(b.file)
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	bad := filepath.Join(t.TempDir(), "bad.tar")
	require.NoError(t, os.WriteFile(bad, text, 0o600))
	before, _ := b.engine.ContainerInspect(t.Context(), b.name+"-postgres")
	r := b.Mage(t, nil, "db:restore", bad, "-yes")
	assert.Equal(t, 2, r.Code)
	assert.Contains(t, lastLine(r), "it is damaged")
	assert.Contains(t, lastLine(r), "nothing was changed")
	after, err := b.engine.ContainerInspect(t.Context(), b.name+"-postgres")
	require.NoError(t, err)
	assert.Equal(t, before.Started, after.Started)
	assert.Equal(t, 20000, b.rows(t))
	r = b.Mage(t, []string{"POSTSTACK_BACKUP_DIR=" + filepath.Dir(bad)}, "db:backups", "-check")
	assert.Equal(t, 1, r.Code)
	assert.Contains(t, r.Stdout, "it is damaged")
}

func (b *backedUp) pruned(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "before-the-move.tar") // people's own name for one
	text, err := os.ReadFile(b.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(kept, text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.tar"), []byte("other"), 0o600))
	b.OK(t, "db:backup", "-to="+dir, "-keep=2", "db:backup", "-to="+dir, "-keep=2", "db:backup", "-to="+dir, "-keep=2")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 4, "two backups, and what is not Poststack's to delete")
	assert.FileExists(t, kept)
}

// killed has the restore of a table last, and ends it by SIGKILL and by SIGTERM.
func (b *backedUp) killed(t *testing.T) {
	_, err := connect(t, b.URL(t)).Exec(t.Context(), `create function slow() returns boolean language plpgsql as
		$$ begin if inet_server_addr() is null then perform pg_sleep(600); end if; return true; end $$;
		create table waits (n int check (public.slow())); insert into waits values (1)`)
	require.NoError(t, err)
	slow := document[stack.BackupData](t, b.Mage(t, asked(), "db:backup")).File
	_, err = connect(t, b.URL(t)).Exec(t.Context(), `insert into waits values (2)`)
	require.NoError(t, err)
	before := b.volumes(t)
	started, err := b.engine.ContainerInspect(t.Context(), b.name+"-postgres")
	require.NoError(t, err)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		r := checkout.Begin(t, b.Compiled(nil, "db:restore", slow, "-yes"), false)
		b.awaitCopy(t)
		require.NoError(t, r.Cmd.Process.Signal(signal))
		assert.Equal(t, 128+int(signal), r.Wait(t), r.Output())
		assert.Eventually(
			t,
			func() bool { return len(b.disposable(t)) == 0 },
			time.Minute,
			50*time.Millisecond,
			"nothing is left that was to be removed",
		)
		assert.Eventually(t, func() bool { return len(b.volumes(t)) == len(before) }, time.Minute, 50*time.Millisecond)
		now, err := b.engine.ContainerInspect(t.Context(), b.name+"-postgres")
		require.NoError(t, err)
		assert.Equal(t, started.Started, now.Started, "the database has served all the time")
		var n int
		require.NoError(t, connect(t, b.URL(t)).QueryRow(t.Context(), `select count(*) from waits`).Scan(&n))
		assert.Equal(t, 2, n, "as it was")
	}
	b.OK(t, "db:start")
	assert.Equal(t, before, b.volumes(t))
}

// scheduled runs the line of a crontab as cron does, with as good as no environment.
func (b *backedUp) scheduled(t *testing.T) {
	dir, table := t.TempDir(), filepath.Join(t.TempDir(), "crontab")
	program := "#!/bin/sh\ntable='" + table + "'\n" + `case $1 in
-l) cat "$table" 2>/dev/null || { echo 'no crontab for you' >&2; exit 1; } ;;
*) cat >"$table" ;;
esac
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "crontab"), []byte(program), 0o755))
	env := []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
	lines := func() []string {
		text, err := os.ReadFile(table)
		require.NoError(t, err)
		return strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	}
	to := filepath.Join(dir, "it's 100% here")
	require.Zero(t, b.Mage(t, env, "db:backup", "-schedule=weekly").Code, "without a crontab")
	require.NoError(t, os.WriteFile(table, append([]byte("@daily true\n"), lines()[0]+"\n"...), 0o600))
	require.Zero(t, b.Mage(t, env, "db:backup", "-schedule=daily", "-all", "-keep=2", "-to="+to).Code)
	require.Len(t, lines(), 2)
	assert.Equal(t, "@daily true", lines()[0])
	fields := strings.SplitN(lines()[1], " ", 6)
	assert.Equal(t, "3 * * *", strings.Join(fields[1:5], " "))
	for range 3 {
		cron := exec.CommandContext(t.Context(), "/bin/sh", "-c", strings.ReplaceAll(fields[5], `\%`, "%"))
		cron.Dir, cron.Env = "/", []string{"PATH=/usr/bin:/bin"} // what systemd gives; cron has HOME and LOGNAME, too
		out, err := cron.CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Empty(t, string(out), "cron would mail it")
	}
	found, err := filepath.Glob(filepath.Join(to, "*.tar"))
	require.NoError(t, err)
	assert.Len(t, found, 2)
	assert.Regexp(t, `backups +daily +the last was made .*, in `+to, b.OK(t, "status").Stdout)
	require.Zero(t, b.Mage(t, env, "db:backup", "-schedule=off").Code)
	assert.Equal(t, []string{"@daily true"}, lines())
	assert.NotContains(t, b.OK(t, "status").Stdout, "backups")
}

// awaitCopy waits until rows are restored.
func (b *backedUp) awaitCopy(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, c := range b.disposable(t) {
			res, err := b.engine.ContainerExec(
				t.Context(),
				c.ID,
				engine.ExecSpec{Command: []string{"pgrep", "-f", "postgres: .*COPY"}},
			)
			if err == nil && res.Code == 0 {
				return true
			}
		}
		return false
	}, time.Minute, 50*time.Millisecond, "it restores")
}

// elsewhere restores into a stack that has never had a database, with another name and user.
func (b *backedUp) elsewhere(t *testing.T) {
	other := b.Beside(t)
	env := []string{"POSTSTACK_DATABASE_NAME=moved", "POSTSTACK_DATABASE_USER=mover"}
	r := other.Mage(t, env, "db:restore", b.file, "-yes", "schema:status", "db:url")
	require.Zero(t, r.Code)
	assert.Equal(t, 1, strings.Count(r.Stderr, "is taken"), "it says once that it has another port")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	conn := connect(t, lines[len(lines)-1])
	var n int
	var owner string
	require.NoError(t, conn.QueryRow(t.Context(), `select count(*), (select tableowner from pg_tables
		where tablename = 'odd "name') from "odd ""name"`).Scan(&n, &owner))
	assert.Equal(t, 20000, n)
	assert.Equal(t, "mover", owner)
	require.Zero(t, other.Mage(t, env, "setup").Code)
}
