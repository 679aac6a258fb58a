package e2e_test

import (
	"net/url"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/tests/checkout"
)

// TestAnotherMajor takes a database from the PostgreSQL of the usual suite to that of the suite under test, as
// docs/backup.md says.
func TestAnotherMajor(t *testing.T) {
	t.Parallel()
	if checkout.Suite() == usualSuite {
		t.Skipf("%s names no other suite than the usual one", enginetest.EnvSuite)
	}
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		m := &majors{
			backedUp: &backedUp{Checkout: checkout.New(t, kind), engine: enginetest.Open(t, kind)},
			usual:    []string{"POSTSTACK_DEBIAN_SUITE=" + string(usualSuite)},
		}
		archive := filepath.Join(t.TempDir(), "archive")
		m.Write(t, "poststack.yaml",
			func(string) string { return "services: [nginx]\ndatabase: {archive: " + archive + "}\n" })
		m.OK(t, "install")
		require.Zero(t, m.Mage(t, m.usual, "setup").Code)
		m.name = "poststack-" + m.Stack(t)
		m.exec(t, `insert into domains (name, serves_mail) values ('example.org', true);
			insert into dns_zones (name, primary_ns, hostmaster)
			values ('example.org', 'ns1.example.org', 'hostmaster@example.org');
			create extension pg_trgm; create sequence counted start 41; select nextval('counted');
			select lo_from_bytea(4711, 'large'); create view domain_names as select d.name from domains d where d.name <> '';
			create role "a group" nologin; create role reader login password 'r3ad' valid until '2099-01-01';
			grant "a group", pg_read_all_settings to reader; grant select on domains to "a group";
			revoke connect on database poststack from public; grant connect on database poststack to reader;
			grant connect on database poststack to poststack_nginx;
			alter database poststack set statement_timeout = '9min'; alter role reader set work_mem = '7MB'`)
		require.NoError(t, m.reader(t).Ping(t.Context()))

		_ = t.Run("another major is refused, and the database runs on", m.refused) &&
			t.Run("what would not come along is refused", m.others) &&
			t.Run("one that is killed leaves the database", m.cutShort) &&
			t.Run("all comes along", m.upgraded) &&
			t.Run("it goes back", m.back) &&
			t.Run("the former volume goes when it is told to", m.again) &&
			t.Run("a backup of the former major is restored", m.restoredBackup) &&
			t.Run("the archive leads to moments of this major alone", m.recovered)
	})
}

// majors is a checkout whose database gets to another major version.
type majors struct {
	*backedUp
	usual []string // environment with the former suite
	early string   // a moment of the former major, of which the archive has a base backup
}

func (m *majors) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := connect(t, m.URL(t)).Exec(t.Context(), sql)
	require.NoError(t, err)
}

// server is the major version that serves.
func (m *majors) server(t *testing.T) (major string) {
	t.Helper()
	ask := `select left(current_setting('server_version_num'), 2)`
	require.NoError(t, connect(t, m.URL(t)).QueryRow(t.Context(), ask).Scan(&major))
	return major
}

// reader is a session of a role that people have made.
func (m *majors) reader(t *testing.T) *pgx.Conn {
	t.Helper()
	to, err := url.Parse(m.URL(t))
	require.NoError(t, err)
	to.User = url.UserPassword("reader", "r3ad")
	return connect(t, to.String())
}

func (m *majors) refused(t *testing.T) {
	m.file = document[stack.BackupData](t, m.Mage(t, append(asked(), m.usual...), "db:backup", "-base")).File
	m.early = now()
	conn := connect(t, m.URL(t))
	r := m.Mage(t, nil, "db:start")
	assert.Equal(t, 5, r.Code)
	assert.Contains(t, r.Stderr, "mage db:upgrade")
	require.NoError(t, conn.Ping(t.Context()))
	assert.Equal(t, 2, m.Mage(t, nil, "db:upgrade", "-back", "-yes").Code)
	assert.Equal(t, 2, m.Mage(t, nil, "db:upgrade", "-dropOld").Code)
	assert.Equal(t, "unchanged", outcome(m.Mage(t, m.usual, "db:upgrade"), "db:upgrade"))
}

func (m *majors) others(t *testing.T) {
	(&ruled{*m.backedUp}).rule(t, `create database "some other" owner poststack`)
	to, err := url.Parse(m.URL(t))
	require.NoError(t, err)
	to.Path = "some other"
	_, err = connect(t, to.String()).Exec(t.Context(), `create table t ()`)
	require.NoError(t, err)
	before := m.volumes(t)
	r := m.Mage(t, nil, "db:upgrade")
	assert.Equal(t, 2, r.Code)
	assert.Contains(t, r.Stderr, "some other")
	assert.Contains(t, r.Stderr, "all is as it was")
	assert.Equal(t, before, m.volumes(t))
	assert.Equal(t, "15", m.server(t))
	m.exec(t, `drop database "some other" with (force)`)
}

// cutShort ends one while it moves rows, by SIGTERM and by SIGKILL.
func (m *majors) cutShort(t *testing.T) {
	m.exec(t, `create function slow() returns boolean language plpgsql as
		$$ begin if inet_server_addr() is null then perform pg_sleep(600); end if; return true; end $$;
		create table waits (n int check (public.slow())); insert into waits values (1)`)
	before := m.volumes(t)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		r := checkout.Begin(t, m.Compiled(nil, "db:upgrade"), false)
		m.awaitCopy(t)
		require.NoError(t, r.Cmd.Process.Signal(signal))
		assert.Equal(t, 128+int(signal), r.Wait(t), r.Output())
		assert.Eventually(t, func() bool { return len(m.disposable(t)) == 0 && len(m.volumes(t)) == len(before) },
			time.Minute, 50*time.Millisecond, "nothing is left that was to be removed")
		if signal == syscall.SIGTERM {
			assert.Equal(t, "15", m.server(t), "it runs again")
		}
	}
	require.Zero(t, m.Mage(t, m.usual, "db:start").Code)
	assert.Equal(t, before, m.volumes(t))
	m.exec(t, `drop table waits; drop function slow`)
}

func (m *majors) upgraded(t *testing.T) {
	r := m.Mage(t, asked(), "db:upgrade")
	data := document[stack.UpgradedData](t, r)
	assert.Equal(t, []string{"15", "17"}, []string{data.From, data.To})
	assert.Equal(t, []string{"nginx"}, data.Services)
	assert.ElementsMatch(t, []string{data.Volume, data.Kept}, m.volumes(t))
	assert.Positive(t, data.Rows)
	assert.Empty(t, m.disposable(t))
	assert.Equal(t, "17", m.server(t))
	m.complete(t)
	assert.Equal(t, "unchanged", outcome(m.OK(t, "schema:update"), "schema:update"))
	require.Zero(t, m.Mage(t, m.usual, "services:status", "-of=nginx").Code, "it signs in as before")
	m.exec(t, `insert into domains (name, serves_mail) values ('later.example', true)`)
	r = m.Mage(t, nil, "db:upgrade")
	assert.Equal(t, "unchanged", outcome(r, "db:upgrade"))
	assert.Contains(t, r.Stderr, data.Kept)
}

// complete looks for what was made before.
func (m *majors) complete(t *testing.T) {
	t.Helper()
	var found, memory, timeout string
	conn := m.reader(t)
	require.NoError(t, conn.QueryRow(t.Context(), `select name, current_setting('work_mem'),
		current_setting('statement_timeout') from domains
		where name = 'example.org' and pg_has_role('pg_read_all_settings', 'member')`).Scan(&found, &memory, &timeout))
	assert.Equal(t, []string{"example.org", "7MB", "9min"}, []string{found, memory, timeout})
	var next int
	var large string
	var public bool
	require.NoError(t, connect(t, m.URL(t)).QueryRow(t.Context(), `select nextval('counted'),
		convert_from(lo_get(4711), 'UTF8'), exists (select from pg_database, aclexplode(datacl)
		where datname = 'poststack' and grantee = 0 and privilege_type = 'CONNECT')`).Scan(&next, &large, &public))
	assert.Equal(t, 42, next)
	assert.Equal(t, "large", large)
	assert.False(t, public)
}

func (m *majors) back(t *testing.T) {
	var served, serial int64
	ask := `select serial from dns_zones where name = 'example.org'`
	require.NoError(t, connect(t, m.URL(t)).QueryRow(t.Context(), ask).Scan(&served))
	r := m.Mage(t, nil, "db:upgrade", "-back", "-yes")
	assert.Equal(t, 2, r.Code, "the image of that suite cannot read it")
	r = m.Mage(t, m.usual, "db:upgrade", "-back")
	assert.Equal(t, 2, r.Code, "there is nobody to ask")
	assert.Equal(t, "17", m.server(t))
	require.Zero(t, m.Mage(t, m.usual, "db:upgrade", "-back", "-yes").Code)
	assert.Equal(t, "15", m.server(t))
	assert.Len(t, m.volumes(t), 1)
	m.complete(t)
	conn := connect(t, m.URL(t))
	var later bool
	require.NoError(t, conn.QueryRow(t.Context(), `select exists (select from domains where name = 'later.example')`).
		Scan(&later))
	assert.False(t, later)
	require.NoError(t, conn.QueryRow(t.Context(), ask).Scan(&serial))
	assert.Greater(t, serial, served, "secondary servers take only what is newer")
	require.Zero(t, m.Mage(t, m.usual, "services:status", "-of=nginx").Code)
}

// again upgrades from a volume whose container somebody has removed.
func (m *majors) again(t *testing.T) {
	c, err := m.engine.ContainerInspect(t.Context(), m.name+"-postgres")
	require.NoError(t, err)
	require.NoError(t, m.engine.ContainerStop(t.Context(), c.ID, time.Minute))
	require.NoError(t, m.engine.ContainerRemove(t.Context(), c.ID))
	r := m.Mage(t, nil, "db:start")
	assert.Equal(t, 5, r.Code)
	assert.Contains(t, r.Stderr, "mage db:upgrade")
	m.OK(t, "db:upgrade")
	assert.Equal(t, "17", m.server(t))
	assert.Len(t, m.volumes(t), 2)
	assert.Contains(t, m.OK(t, "db:upgrade", "-dropOld").Stderr, "removed volume")
	assert.Len(t, m.volumes(t), 1)
	assert.Equal(t, "17", m.server(t))
}

func (m *majors) restoredBackup(t *testing.T) {
	r := m.Mage(t, asked(), "db:restore", m.file, "-yes")
	assert.Positive(t, document[stack.RestoredData](t, r).Rows)
	m.complete(t)
	assert.Equal(t, "unchanged", outcome(m.OK(t, "schema:update"), "schema:update"))
	assert.Len(t, m.volumes(t), 1)
}

// recovered goes to a moment of the former major, which is refused, and to one of this.
func (m *majors) recovered(t *testing.T) {
	p := &recovered{*m.backedUp}
	p.refuses(t, m.early, "is of PostgreSQL 15, and the image has 17, which cannot read it")
	p.write(t, "create table kept (what text)", "insert into kept values ('A')")
	between := p.moment(t)
	p.write(t, "insert into kept values ('B')")
	p.OK(t, "db:pitr", between, "-yes")
	assert.Equal(t, "A", p.kept(t))
	assert.Equal(t, "17", m.server(t))
}
