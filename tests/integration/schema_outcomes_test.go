package integration_test

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

func schemaOutcomes() []schemaTest {
	return []schemaTest{
		{name: "a changeset that ends the transaction is known by what it did", run: endsTransaction},
		{name: "a changeset outside the transaction that fails is partly applied, also for the next run", run: partlyApplied},
		{name: "a lost log is no reason to end", run: lostLog},
		{name: "an idle limit does not end the lock", run: idleLimits},
		{name: "a lost lock ends the update", run: lostLock},
		{name: "a deferred constraint names its changeset", run: deferred},
		{name: "what comes of one transaction is named, and each changeset can have its own", run: oneTransaction},
		{name: "a session that is killed leaves what the database says", run: killedSession},
	}
}

func endsTransaction(t *testing.T, s *site) {
	for name, text := range map[string]string{
		"a statement":        "create table b (id int);\ncommit;",
		"inside one":         "create table b (id int);\ncommit; begin; select 1;",
		"hidden by a quote":  "create table b (id int); select 1 as \"don't\"; commit; select 2;",
		"with a new one":     "create table b (id int);\ncommit and chain;\ncreate table c (id int);",
		"before it fails":    "create table b (id int);\ncommit;\nselect 1 / 0;",
		"the other way":      "create table b (id int);\nrollback;\ncreate table c (id int);",
		"by the server's do": "create table b (id int);\nend;",
	} {
		x := s.trial(t,
			map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"), set("2", text), set("3", "select 1;"))})
		_, err := x.Update(t.Context())
		var failed *schema.Error
		require.ErrorAs(t, err, &failed, name)
		assert.Equal(t, "2", failed.Changeset, name)
		assert.True(t, failed.Outcome.Ended, name)
		details := strings.Join(failed.Details(), "\n")
		assert.NotContains(t, details, "Nothing was changed", name)
		there := x.snapshot()
		recorded := []string{}
		if strings.Contains(strings.Join(there, ","), "databasechangelog r") {
			recorded = x.column(`select id from databasechangelog order by orderexecuted`)
			assert.Equal(t, []string{"false"}, x.column(`select locked::text from databasechangeloglock`), name)
		}
		var said []string
		for _, a := range failed.Outcome.Applied {
			said = append(said, a.Changeset)
		}
		assert.ElementsMatch(t, recorded, said, name)
	}
}

func partlyApplied(t *testing.T, s *site) {
	text := "create table b (id int);\ncreate table c (id int, id int);"
	x := s.trial(t,
		map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"), set("2 runInTransaction:false", text))})
	_, err := x.Update(t.Context())
	var failed *schema.Error
	require.ErrorAs(t, err, &failed)
	require.NotNil(t, failed.Outcome.Partly)
	assert.Equal(t,
		"changeset 2 (ops) of parts/001.sql is partly applied: the first 1 of its statements have run and stay",
		failed.Outcome.Partly.String())
	require.Len(t, failed.Outcome.Applied, 1)
	assert.Equal(t, "1", failed.Outcome.Applied[0].Changeset)
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "outdated (1 pending; 1 partly applied)", state.String())

	_, err = x.Update(t.Context())
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, failed.Cause, `relation "b" already exists`)
	assert.Contains(t, failed.Hint, "is partly applied")
	assert.Contains(t, x.heard(), "is partly applied")
	x.write("parts/001.sql",
		strings.Replace(sql(set("1", "create table a (id int);"), set("2 runInTransaction:false", text)),
			"b (id int);\ncreate table c (id int, id int)", "if not exists b (id int)", 1))
	assert.Equal(t, "current", x.update().State.String())

	x.write("parts/002.sql", sql(set("3", "insert into a values (1), (1);"),
		set("4 runInTransaction:false", "create unique index concurrently a_once on a (id);")))
	_, err = x.Update(t.Context())
	require.ErrorAs(t, err, &failed)
	require.NotNil(t, failed.Outcome.Partly)
	assert.Equal(t, "a_once", failed.Outcome.Partly.Indexes)
}

// fullLog has lost what it was to hold, as [logging.File] on a disk that is full.
type fullLog struct{ io.Writer }

func (fullLog) Close() error {
	return fmt.Errorf("write log: %w; the rest of logs/full.log is missing", syscall.ENOSPC)
}
func (fullLog) Path() string { return "logs/full.log" }

func lostLog(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))},
		func(o *schema.Options) {
			o.OpenLog = func(string) (schema.Log, error) { return fullLog{io.Discard}, nil }
		})
	assert.Len(t, x.update().Applied, 1)
	assert.Contains(t, x.heard(), "write log: no space left on device; the rest of logs/full.log is missing")
}

func idleLimits(t *testing.T, s *site) {
	x := s.trial(t,
		map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);\nselect pg_sleep(2.5), 'idle';"))})
	exec(t, x.conn, `create role hasty login superuser password 'pw-hasty'`,
		`alter role hasty set idle_session_timeout = '1s'`,
		`alter role hasty set idle_in_transaction_session_timeout = '1s'`)
	x.Target.User, x.Target.Password = "hasty", "pw-hasty"
	x.Inside = x.Target
	assert.Len(t, x.update().Applied, 1)
	exec(t, x.conn, `reassign owned by hasty to app`, `drop role hasty`)
}

func lostLock(t *testing.T, s *site) {
	x := s.trial(t, slow("lost"))
	done := make(chan error, 1)
	go func() { _, err := x.Update(t.Context()); done <- err }()
	x.started("lost")
	exec(t, s.admin, `select pg_terminate_backend(pid) from pg_locks l join pg_stat_activity a using (pid)
		where l.locktype = 'advisory' and a.datname = '`+x.Target.Database+`' and a.application_name = 'poststack'`)
	var failed *schema.Error
	err := <-done
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, err, "the session that holds it was lost")
	assert.Empty(t, x.snapshot())
	x.nothingLeft()
}

func deferred(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(
		set("0",
			"create table a (id int primary key, up int references a deferrable initially deferred, n int unique deferrable);"),
		set("1", "insert into a values (1, 2, 1);"), set("2", "select 1;"))})
	failed := x.fails()
	assert.Equal(t, "1", failed.Changeset)
	assert.Contains(t, failed.Cause, `violates foreign key constraint "a_up_fkey"`)
	x.write("parts/001.sql", sql(
		set("0",
			"create table a (id int primary key, up int references a deferrable initially deferred, n int unique deferrable);"),
		set("1", "insert into a values (1, 2, 1);\ninsert into a values (2, null, 2);"),
		set("2", "alter table a add column later int;"),
		set("3", "insert into a values (3, 4, 3);\ninsert into a values (4, null, 4);")))
	assert.Len(t, x.update().Applied, 4,
		"what is deferred stays deferred within a changeset, and keeps nobody from altering the table")
}

func oneTransaction(t *testing.T, s *site) {
	files := map[string]string{"parts/001.sql": sql(set("1", "create type mood as enum ('ok');"),
		set("2", "alter type mood add value 'sad';"),
		set("3", "create table a (m mood default 'sad');"))}
	x := s.trial(t, files)
	failed := x.fails()
	assert.Equal(t, "55P04", failed.SQLState)
	assert.Contains(t, failed.Hint, "POSTSTACK_TRANSACTION")
	x.Each = true
	assert.Len(t, x.update().Applied, 3)

	x = s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"), set("2", "select 1 / 0;"),
		set("3", "select 1;"))})
	x.Each = true
	_, err := x.Update(t.Context())
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Outcome.Applied, 1)
	assert.Equal(t, "1", failed.Outcome.Applied[0].Changeset)
	assert.Equal(t, []string{"1"}, x.column(`select id from databasechangelog`))
	assert.Equal(t, []string{"false"}, x.column(`select locked::text from databasechangeloglock`))
}

func killedSession(t *testing.T, s *site) {
	x := s.trial(t, slow("ended"))
	done := make(chan error, 1)
	go func() { _, err := x.Update(t.Context()); done <- err }()
	x.started("ended")
	exec(t, s.admin, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '`+x.Target.Database+
		`' and application_name = 'poststack liquibase'`)
	var failed *schema.Error
	require.ErrorAs(t, <-done, &failed)
	assert.True(t, failed.Outcome.Asked)
	assert.True(t, failed.Outcome.Undone)
	assert.Empty(t, failed.Outcome.Applied)
	assert.Empty(t, x.snapshot())
	x.nothingLeft()
}
