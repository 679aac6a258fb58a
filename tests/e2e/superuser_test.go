package e2e_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/tests/checkout"
)

// TestSuperuser holds the own database to having no superuser among its clients, and leaves a database alone that was
// made when its user was one.
func TestSuperuser(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		r := &ruled{backedUp{Checkout: checkout.New(t, kind), engine: enginetest.Open(t, kind)}}
		r.OK(t, "install")
		const declared = "    POSTGRES_SUPERUSER: superuser\n"
		r.Write(t, "containers/postgres/image.yaml", func(text string) string {
			require.Contains(t, text, declared)
			return strings.Replace(text, declared, "", 1)
		})
		r.OK(t, "setup")
		require.Equal(t, "on", r.is(t), "as every database was made before")
		r.Write(t, "containers/postgres/image.yaml", func(text string) string {
			return strings.Replace(text, "    POSTGRES_DB:", declared+"    POSTGRES_DB:", 1)
		})
		_ = t.Run("a database whose user is the superuser stays as it is", r.old) &&
			t.Run("a restore of its backup ends that", r.restored) &&
			t.Run("the user is no superuser, and there is none in the network", r.inside) &&
			t.Run("what a changelog may not do is said, with the way", r.changelog) &&
			t.Run("a backup has what others own, and their passwords", r.others)
	})
}

// ruled is a checkout whose database has a superuser.
type ruled struct{ backedUp }

// is tells whether the user is a superuser: on or off.
func (r *ruled) is(t *testing.T) (is string) {
	t.Helper()
	require.NoError(t, connect(t, r.URL(t)).QueryRow(t.Context(), `show is_superuser`).Scan(&is))
	return is
}

// as is the URL of the database with another login.
func (r *ruled) as(t *testing.T, user, password string) string {
	t.Helper()
	to, err := url.Parse(r.URL(t))
	require.NoError(t, err)
	to.User = url.UserPassword(user, password)
	return to.String()
}

// rule has the superuser do something, inside the container.
func (r *ruled) rule(t *testing.T, sql string) {
	t.Helper()
	c, err := r.engine.ContainerInspect(t.Context(), "poststack-"+r.Stack(t)+"-postgres")
	require.NoError(t, err)
	res, err := r.engine.ContainerExec(t.Context(), c.ID, engine.ExecSpec{Command: []string{
		"psql", "--set=ON_ERROR_STOP=1", "--username=superuser", "--dbname=poststack", "--command=" + sql,
	}})
	require.NoError(t, err)
	require.Zero(t, res.Code, res.Stderr)
}

func (r *ruled) old(t *testing.T) {
	r.OK(t, "setup")
	assert.Equal(t, "on", r.is(t), "nobody is locked out")
	_, err := connect(t, r.URL(t)).Exec(t.Context(), `create role reader login password 'r3ad';
		insert into domains (name) values ('example.org')`)
	require.NoError(t, err)
	assert.Contains(t, r.Mage(t, asked(), "status").Stdout, `"superusers":["poststack"]`)
	for _, target := range []string{"status", "doctor"} {
		got := r.OK(t, target).Stdout
		assert.Contains(t, got, "signs in over the network")
		assert.Contains(t, got, "mage db:restore")
	}
}

func (r *ruled) restored(t *testing.T) {
	r.file = document[stack.BackupData](t, r.Mage(t, asked(), "db:backup")).File
	r.OK(t, "db:restore", r.file, "-yes")
	assert.Equal(t, "off", r.is(t))
	conn := connect(t, r.as(t, "reader", "r3ad"))
	require.NoError(t, conn.Ping(t.Context()), "others sign in as they did")
	assert.Equal(t, "unchanged", outcome(r.OK(t, "schema:update"), "schema:update"))
	for _, target := range []string{"status", "doctor"} {
		assert.NotContains(t, r.OK(t, target).Stdout, "superuser")
	}
	_, err := connect(t, r.URL(t)).Exec(t.Context(), `create role joined; grant joined to current_user`)
	require.NoError(t, err)
	r.OK(t, "db:restore", document[stack.BackupData](t, r.Mage(t, asked(), "db:backup")).File, "-yes")
	_, err = connect(t, r.URL(t)).Exec(t.Context(), `set role joined`)
	assert.NoError(t, err, "the user is a member as before")
}

func (r *ruled) inside(t *testing.T) {
	conn := connect(t, r.URL(t))
	var may, owner bool
	require.NoError(t, conn.QueryRow(t.Context(), `select rolsuper or rolcreatedb or rolreplication or rolbypassrls
		or exists (select from pg_auth_members a join pg_roles g on g.oid = roleid
			where member = r.oid and g.rolname ~ '^pg_'),
		pg_get_userbyid(datdba) = current_user and rolcreaterole and has_schema_privilege('public', 'create')
		from pg_roles r, pg_database where rolname = current_user and datname = current_database()`).Scan(&may, &owner))
	assert.False(t, may)
	assert.True(t, owner)
	for _, statement := range []string{
		`copy (select 1) to program 'id'`, `copy (select 1) to '/tmp/file'`, `select pg_read_file('/etc/passwd')`,
		`select * from pg_authid`, `alter system set work_mem = '1MB'`, `alter role superuser password 'known'`,
		`create role another superuser`, `alter role poststack superuser`, `set session authorization superuser`,
		`set role superuser`, `grant superuser to poststack`, `create function f() returns int language c as 'libc', 'abs'`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.Error(t, err, statement)
		assert.Contains(t, err.Error(), "42501", statement)
	}
	r.rule(t, `alter role superuser password 'known'`)
	_, err := pgx.Connect(t.Context(), r.as(t, "superuser", "known"))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "rejects connection")
	root, err := r.engine.ContainerInspect(t.Context(), "poststack-"+r.Stack(t)+"-postgres")
	require.NoError(t, err)
	res, err := r.engine.ContainerExec(t.Context(), root.ID, engine.ExecSpec{
		User: "nobody", Command: []string{"psql", "--username=superuser", "--dbname=poststack", "--command=select 1"},
	})
	require.NoError(t, err)
	assert.NotZero(t, res.Code, "it is for the server's own user")
}

func (r *ruled) changelog(t *testing.T) {
	file := filepath.Join(r.Dir, "changelogs", "schema", "999_extension.sql")
	require.NoError(t, os.WriteFile(file, []byte("--liquibase formatted sql\n--changeset me:extension\n"+
		"create extension if not exists file_fdw;\n--rollback drop extension file_fdw;\n"), 0o644))
	got := r.Mage(t, nil, "schema:update")
	assert.Equal(t, 6, got.Code)
	assert.Contains(t, got.Stderr, "psql -U superuser -d poststack")
	r.rule(t, `create extension file_fdw`)
	assert.Equal(t, "done", outcome(r.OK(t, "schema:update"), "schema:update"))
}

func (r *ruled) others(t *testing.T) {
	conn := connect(t, r.URL(t))
	_, err := conn.Exec(t.Context(), `create role holder login password 'h0ld'; grant create on schema public to holder`)
	require.NoError(t, err)
	_, err = connect(t, r.as(t, "holder", "h0ld")).Exec(t.Context(), `create table held (t text);
		insert into held values ('kept'); alter table held enable row level security, force row level security;
		select lo_from_bytea(4711, 'large')`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `select * from held`)
	require.Error(t, err, "nothing of it is the user's")
	r.file = document[stack.BackupData](t, r.Mage(t, asked(), "db:backup", "-verify")).File
	_, err = connect(t, r.as(t, "holder", "h0ld")).Exec(t.Context(), `drop table held; select lo_unlink(4711)`)
	require.NoError(t, err)

	r.OK(t, "db:restore", r.file, "-yes")
	assert.Equal(t, "off", r.is(t))
	var kept int
	var large string
	require.NoError(t, connect(t, r.as(t, "holder", "h0ld")).QueryRow(t.Context(), `select count(*),
		convert_from(lo_get(4711), 'UTF8') from pg_class where relname = 'held' and pg_get_userbyid(relowner) = 'holder'`,
	).Scan(&kept, &large))
	assert.Equal(t, 1, kept)
	assert.Equal(t, "large", large)
	conn = connect(t, r.URL(t))
	_, err = conn.Exec(t.Context(), `alter role holder password 'other'; create role later; drop role later`)
	require.NoError(t, err, "it administers them as before")
}
