package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/schema"
	"github.com/poststack/poststack/pkg/secret"
)

func schemaLocks() []schemaTest {
	return []schemaTest{
		{name: "the lock of a dead migration is released", run: deadLock},
		{name: "a living migration is waited for", run: livingMigration},
		{name: "a living Liquibase of someone else keeps its lock", run: foreignLiquibase},
		{name: "who keeps a changeset waiting is named", run: keptWaiting},
		{name: "a pooler in transaction mode is refused", run: pooled},
		{name: "a standby is refused", run: standby},
		{name: "a migration that is killed leaves nothing", run: killed},
		{name: "a migration that is cancelled leaves nothing", run: cancelled},
	}
}

// staleLock is the lock of a Liquibase that is not Poststack's, set before any session began that is connected now.
const staleLock = `update databasechangeloglock set locked = true, lockgranted = now() - interval '1 day',
	lockedby = 'gone (192.0.2.9)'`

func deadLock(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	x.update()
	exec(t, x.conn, staleLock)
	assert.Empty(t, x.update().Applied, "with nothing pending a lock does not matter")
	whose, err := schema.ReleaseStaleLock(t.Context(), x.conn)
	require.NoError(t, err)
	assert.Contains(t, whose, "gone (192.0.2.9)")
	assert.Equal(t, []string{"false"}, x.column(`select locked::text from databasechangeloglock`))
	exec(t, x.conn, staleLock)
	x.write("parts/002.sql", sql(set("2", "create table b (id int);")))
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, schema.Locked, state.Kind)
	assert.Contains(t, state.String(), "gone (192.0.2.9)")
	start := time.Now()
	assert.Len(t, x.update().Applied, 1)
	assert.Less(t, time.Since(start), time.Minute)
	assert.Contains(t, x.heard(), "released the lock of gone (192.0.2.9)")
	assert.Equal(t, []string{"false"}, x.column(`select locked::text from databasechangeloglock`))
}

func livingMigration(t *testing.T, s *site) {
	x := s.trial(t,
		map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);\nselect pg_sleep(8), 'living';"))})
	done := make(chan error, 1)
	go func() { _, err := x.Update(t.Context()); done <- err }()
	x.started("living")

	other := *x.Migrator
	other.LockWait = -1
	_, err := other.Update(t.Context())
	var failed *schema.Error
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, schema.Busy, failed.Kind)
	whose, err := schema.ReleaseStaleLock(t.Context(), x.conn)
	require.NoError(t, err)
	assert.Empty(t, whose, "a migration is under way")
	assert.Regexp(t, `being migrated by pid \d+ \(poststack\) of user app.*since \d{4}-`, failed.Cause)

	other.LockWait = time.Minute
	result, err := other.Update(t.Context())
	require.NoError(t, err)
	assert.Empty(t, result.Applied)
	assert.Equal(t, schema.Current, result.State.Kind)
	assert.Contains(t, x.heard(), "waiting: this database is being migrated by")
	require.NoError(t, <-done)
}

func keptWaiting(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	x.update()
	x.write("parts/002.sql", sql(set("2", "alter table a add n int;")))
	busy := x.Target
	busy.Application = "shop"
	exec(t, connect(t, busy), `begin`, `lock table a`)
	ctx, end := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { _, err := x.Update(ctx); done <- err }()
	const waits = `changeset 2 (ops) of parts/002.sql waits for a lock that another session has: pid `
	require.Eventually(t, func() bool { return strings.Contains(x.heard(), "notice: waiting: "+waits) }, time.Minute,
		50*time.Millisecond)
	assert.Contains(t, x.heard(), "(shop) of user")

	end(errors.New("it took too long"))
	var failed *schema.Error
	require.ErrorAs(t, <-done, &failed)
	assert.Equal(t, `changelogs/parts/002.sql:2: changeset "2" of ops: it took too long`, failed.Error())
	assert.Contains(t, failed.Hint, strings.ToUpper(waits[:1])+waits[1:])
	assert.True(t, failed.Outcome.Undone, "nothing was changed")
}

// foreignLiquibase: whatever a session calls itself, it is ruled out only when it cannot be the holder.
func foreignLiquibase(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	x.update()
	x.write("parts/002.sql", sql(set("2", "create table b (id int);")))
	exec(t, x.conn, `create role reading_only login password 'pw-reading'`)
	foreign := x.Target
	foreign.Application = "billing"
	holder := connect(t, foreign)
	exec(t, holder, `update databasechangeloglock set locked = true, lockgranted = localtimestamp,
		lockedby = 'billing (192.0.2.9)'`)
	x.LockWait = time.Second
	failed := x.fails()
	assert.Equal(t, schema.Busy, failed.Kind)
	assert.Contains(t, failed.Cause, "billing (192.0.2.9)")
	assert.Regexp(t, `a session that may hold its lock is connected: pid \d+ `, failed.Cause)
	whose, err := schema.ReleaseStaleLock(t.Context(), x.conn)
	require.NoError(t, err)
	assert.Empty(t, whose, "its holder may live")
	assert.Equal(t, []string{"true"}, x.column(`select locked::text from databasechangeloglock`))

	require.NoError(t, holder.Close(t.Context()))
	reader := x.Target
	reader.User, reader.Password = "reading_only", "pw-reading"
	only := connect(t, reader) // may not write to the lock's table, and so cannot have taken it
	require.NoError(t, x.conn.Close(t.Context()))
	result, err := x.Update(t.Context())
	require.NoError(t, err)
	assert.Len(t, result.Applied, 1)
	assert.Contains(t, x.heard(), "released the lock of billing (192.0.2.9)")
	require.NoError(t, only.Close(t.Context()))
	exec(t, s.admin, `drop role reading_only`)
	x.conn = connect(t, x.Target)

	x.write("parts/003.sql", sql(set("3", "create table c (id int);")))
	exec(t, x.conn, `update databasechangeloglock set locked = true, lockgranted = localtimestamp,
		lockedby = 'host#poststack (192.0.2.9)'`)
	assert.Len(t, x.update().Applied, 1, "no Poststack is at work: a lock of its own has no holder, whoever is connected")
}

// pooled: PgBouncer itself, of Debian's package, in front of the server.
func pooled(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	const port = 26439
	settings := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d user=%s "+
		"password=%s\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%d\nauth_type=any\npool_mode=transaction\n"+
		"ignore_startup_parameters=options\nunix_socket_dir=\n",
		s.owner.Port, s.owner.User, "'"+strings.ReplaceAll(s.owner.Password.Reveal(), "'", "''")+"'", port)
	labels := container.DisposableLabels()
	id, err := s.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Image: "localhost/poststack/base-debian:latest", User: "0", Labels: labels, HostNetwork: true,
		Files: []engine.File{{Path: "/tmp/pgbouncer.ini", Mode: 0o444, Content: []byte(settings)}},
		Entrypoint: []string{
			"bash", "-c", "cd /var/tmp && apt-get -qq update && apt-get -qq download pgbouncer libevent-2.1-7 libc-ares2 && " +
				"for package in *.deb; do dpkg-deb --fsys-tarfile $package | tar --extract --keep-directory-symlink --directory " +
				"/; done && exec setpriv --reuid 65534 --clear-groups pgbouncer /tmp/pgbouncer.ini",
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.engine.ContainerRemove(context.Background(), id)) })
	require.NoError(t, s.engine.ContainerStart(t.Context(), id))
	target := x.Target
	target.Port = port
	require.Eventually(t, func() bool {
		conn, err := target.Connect(t.Context())
		if err == nil {
			err = conn.Close(t.Context())
		}
		return err == nil
	}, 2*time.Minute, 200*time.Millisecond, "PgBouncer answers")
	before := x.snapshot()
	x.Target = target
	for range 2 {
		_, err := x.Update(t.Context())
		var failed *schema.Error
		require.ErrorAs(t, err, &failed)
		assert.Contains(t, failed.Error(), "a connection pooler in transaction mode")
		assert.Contains(t, failed.Hint, "pool_mode=session")
	}
	assert.Equal(t, before, x.snapshot())
}

// standby is a server that follows another one, and only reads: changes are refused, and how it stands is told.
func standby(t *testing.T, s *site) {
	p := newPostgres(t, s.engine)
	at := func(conn *pgx.Conn) *trial {
		x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))},
			func(o *schema.Options) {
				o.Target = database.Target{
					Host: "127.0.0.1", Port: p.port(), User: "app", Database: "app", Password: secret.Value(p.password),
					SSLMode: "disable",
				}
			})
		x.conn = conn
		return x
	}
	at(p.start()).update()
	p.inside("sh", "-c", `touch "$PGDATA/standby.signal"`)
	x := at(p.start())
	require.Equal(t, []string{"true"}, x.column("select pg_is_in_recovery()::text"))
	assert.Empty(t, x.update().Applied, "there is nothing to change")
	x.write("parts/002.sql", sql(set("2", "create table b (id int);")))
	failed := x.fails()
	assert.Contains(t, failed.Error(), "the server takes no changes")
	assert.Contains(t, failed.Hint, "use the primary server")
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, schema.Outdated, state.Kind)
}

// slow is a changelog whose second changeset takes long.
func slow(mark string) map[string]string {
	return map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"),
		set("2", "select pg_sleep(60), '"+mark+"';"))}
}

func killed(t *testing.T, s *site) {
	x := s.trial(t, slow("killed"))
	done := make(chan error, 1)
	go func() { _, err := x.Update(t.Context()); done <- err }()
	c := x.started("killed")
	for _, hidden := range s.owner.Secrets() {
		assert.NotContains(t, fmt.Sprintf("%#v", c), hidden)
	}
	require.NoError(t, s.engine.ContainerKill(t.Context(), c.ID, "SIGKILL"))
	var failed *schema.Error
	require.ErrorAs(t, <-done, &failed)
	assert.Equal(t, schema.Crashed, failed.Kind)
	assert.Contains(t, failed.Cause, "137")
	assert.Empty(t, failed.Outcome.Applied)
	assert.True(t, failed.Outcome.Undone, "the database was asked")
	x.nothingLeft()

	x.write("parts/001.sql", strings.Replace(slow("killed")["parts/001.sql"], "60", "0", 1))
	start := time.Now()
	assert.Len(t, x.update().Applied, 2)
	assert.Less(t, time.Since(start), time.Minute)
}

func cancelled(t *testing.T, s *site) {
	x := s.trial(t, slow("cancelled"))
	reason := errors.New("the user has had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { _, err := x.Update(ctx); done <- err }()
	x.started("cancelled")
	cancel(reason)
	require.ErrorIs(t, <-done, reason)
	x.nothingLeft()
	require.Eventually(t, func() bool { return len(x.snapshot()) == 0 }, time.Minute, 100*time.Millisecond)
	_, err := s.engine.ContainerList(t.Context(), map[string]string{"test": x.label})
	require.NotErrorIs(t, err, engine.ErrNotFound)
}
