package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/schema"
)

func schemaLocks() []schemaTest {
	return []schemaTest{
		{"the lock of a dead migration is released", deadLock},
		{"a living migration is waited for", livingMigration},
		{"a living Liquibase of someone else keeps its lock", foreignLiquibase},
		{"a migration that is killed leaves nothing", killed},
		{"a migration that is cancelled leaves nothing", cancelled},
	}
}

const staleLock = `update databasechangeloglock set locked = true, lockgranted = now() - interval '2 hours', lockedby = 'gone (192.0.2.9)'`

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
	assert.Less(t, time.Since(start), 20*time.Second)
	assert.Contains(t, x.heard(), "released the lock of gone (192.0.2.9)")
	assert.Equal(t, []string{"false"}, x.column(`select locked::text from databasechangeloglock`))
}

func livingMigration(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);\nselect pg_sleep(8), 'living';"))})
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

func foreignLiquibase(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	x.update()
	exec(t, x.conn, staleLock)
	x.write("parts/002.sql", sql(set("2", "create table b (id int);")))
	foreign := x.Target
	foreign.Application = "PostgreSQL JDBC Driver"
	holder := connect(t, foreign)
	x.LockWait = time.Second
	failed := x.fails()
	assert.Equal(t, schema.Busy, failed.Kind)
	assert.Contains(t, failed.Cause, "gone (192.0.2.9)")
	assert.Contains(t, failed.Cause, "PostgreSQL JDBC Driver")
	whose, err := schema.ReleaseStaleLock(t.Context(), x.conn)
	require.NoError(t, err)
	assert.Empty(t, whose, "its holder may live")
	assert.Equal(t, []string{"true"}, x.column(`select locked::text from databasechangeloglock`))
	require.NoError(t, holder.Close(t.Context()))
	assert.Len(t, x.update().Applied, 1)
}

// slow is a changelog whose second changeset takes long.
func slow(mark string) map[string]string {
	return map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"), set("2", "select pg_sleep(60), '"+mark+"';"))}
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
	assert.Empty(t, failed.Applied)
	x.nothingLeft()

	x.write("parts/001.sql", strings.Replace(slow("killed")["parts/001.sql"], "60", "0", 1))
	start := time.Now()
	assert.Len(t, x.update().Applied, 2)
	assert.Less(t, time.Since(start), 20*time.Second)
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
	require.Eventually(t, func() bool { return len(x.snapshot()) == 0 }, 10*time.Second, 100*time.Millisecond)
	_, err := s.engine.ContainerList(t.Context(), map[string]string{"test": x.label})
	require.NotErrorIs(t, err, engine.ErrNotFound)
}
