package integration_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

func schemaOperations() []schemaTest {
	return []schemaTest{
		{name: "the product's schema is made, kept, and rolled back", run: productSchema, alone: true},
		{name: "with nothing pending Liquibase does not start", run: nothingPending},
		{name: "what Liquibase has read holds only for what it has read", run: readingEnds},
		{name: "what always runs is not passed over", run: alwaysRuns},
		{name: "demo data and later releases wait until they are selected", run: contextsAreChosen},
		{name: "a changelog cannot read the environment", run: environmentIsHidden},
		{name: "without an image status tells what is recorded", run: statusWithoutImage},
		{name: "one transaction, but for what says otherwise", run: partialProgress},
	}
}

// checkout is the product's own.
const checkout = "../.."

func productSchema(t *testing.T, s *site) {
	x := s.trial(t, nil, func(o *schema.Options) { o.Root = absolute(t, checkout) })
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, schema.None, state.Kind, state)
	assert.Empty(t, x.snapshot(), "status has changed something")
	assert.NoError(t, state.Problem)

	result, err := x.Init(t.Context())
	require.NoError(t, err)
	assert.Equal(t, schema.Current, result.State.Kind, result.State)
	assert.Len(t, result.Applied, len(state.Pending()))
	assert.Empty(t, result.State.Warnings)
	for _, table := range []string{
		"domains", "accounts", "aliases", "dns_zones", "dns_records", "certificates", "services", "settings",
	} {
		assert.Contains(t, x.snapshot(), table+" r")
	}
	uncommented := x.column(`select c.relname || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 and c.relname !~ '^databasechange'
		and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)`)
	assert.Empty(t, uncommented)
	assert.Equal(t, []string{"schema/001_functions.sql"}, x.column(`select filename from databasechangelog
		where orderexecuted = 1`))

	again, err := x.Init(t.Context())
	require.NoError(t, err)
	assert.Empty(t, again.Applied)
	assert.EqualValues(t, 2, x.runs.n.Load(), "status and init each ask Liquibase once")

	back, err := x.Rollback(t.Context(), len(result.Applied))
	require.NoError(t, err)
	assert.Len(t, back.Applied, len(result.Applied))
	assert.Equal(t, schema.None, back.State.Kind)
	assert.NotContains(t, x.snapshot(), "domains r")
	assert.Len(t, x.update().Applied, len(result.Applied))
	x.nothingLeft()
}

func nothingPending(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	first := x.update()
	require.Len(t, first.Applied, 1)
	assert.Equal(t, "parts/001.sql", first.Applied[0].File)
	assert.Equal(t, "EXECUTED", first.Applied[0].Type)
	assert.NotEmpty(t, first.Log)
	before := x.snapshot()
	for range 2 {
		result := x.update()
		assert.Equal(t, schema.Current, result.State.Kind)
		assert.Empty(t, result.Applied)
		assert.Empty(t, result.Log)
	}
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, schema.Current, state.Kind)
	assert.EqualValues(t, 1, x.runs.n.Load())
	assert.Equal(t, before, x.snapshot())
}

func readingEnds(t *testing.T, s *site) {
	const file = "parts/001.sql"
	was := sql(set("1", "create table a (id int);"))
	x := s.trial(t, map[string]string{file: was})
	x.update()
	database := func(statement, back string) func() func() {
		return func() func() {
			exec(t, x.conn, statement)
			return func() { exec(t, x.conn, back) }
		}
	}
	const reverse = `update databasechangelog set md5sum = reverse(md5sum)`
	for name, tc := range map[string]struct {
		change func() func()
		asks   int32
		kind   schema.StateKind
	}{
		"a changeset is added": {func() func() {
			x.write(file, was+set("2", "select 1;"))
			return func() { x.write(file, was) }
		}, 1, schema.Outdated},
		"a changeset is edited": {func() func() {
			x.write(file, strings.Replace(was, "int", "bigint", 1))
			return func() { x.write(file, was) }
		}, 1, schema.Diverged},
		"a row is another": {
			database(`update databasechangelog set id = '9'`, `update databasechangelog set id = '1'`), 0, schema.Outdated,
		},
		"a row is added": {database(`insert into databasechangelog (id, author, filename, dateexecuted, orderexecuted,
			exectype)
			values ('9', 'ops', 'x', now(), 9, 'EXECUTED')`, `delete from databasechangelog where id = '9'`), 0, schema.Current},
		"a checksum is changed": {database(reverse, reverse), 1, schema.Diverged},
		"Liquibase is another": {
			func() func() { x.Image = "image-2"; return func() { x.Image = "image-1" } }, 1, schema.Current,
		},
		"other contexts": {func() func() { x.Contexts = "demo"; return func() { x.Contexts = "" } }, 1, schema.Current},
		"other labels":   {func() func() { x.Labels = "demo"; return func() { x.Labels = "" } }, 1, schema.Current},
	} {
		before := x.runs.n.Load()
		back := tc.change()
		state, err := x.Status(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, tc.kind, state.Kind, "%s: %s", name, state)
		assert.Equal(t, tc.asks, x.runs.n.Load()-before, "%s: Liquibase's runs", name)
		back()
		before = x.runs.n.Load()
		state, err = x.Status(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, schema.Current, state.Kind, name)
		assert.Equal(t, before, x.runs.n.Load(), "%s: what was read does not hold any more", name)
	}
}

func alwaysRuns(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(
		set("1", "create table a (n int);"),
		set("2 runAlways:true", "insert into a values (1);"),
		set("3 failOnError:false", "insert into nowhere values (1);"),
		set("4", "insert into a values (2);"))})
	result := x.update()
	require.Len(t, result.Applied, 4)
	assert.Equal(t, "FAILED", result.Applied[2].Type)
	assert.Contains(t, x.heard(), "failed and was skipped")
	assert.Equal(t, "outdated (1 pending; 1 runs on every update)", result.State.String())
	result = x.update()
	assert.Len(t, result.Applied, 2)
	assert.Equal(t, []string{"1", "1", "2"}, x.column(`select n::text from a order by n`))
}

func contextsAreChosen(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(
		set("base", "create table k13 (note text);"),
		set("demo context:demo", "insert into k13 values ('demo mailbox');"),
		set("later labels:next-release", "insert into k13 values ('too early');"),
		set("real context:!demo", "insert into k13 values ('real');"))})
	result := x.update()
	assert.Equal(t, []string{"real"}, x.column(`select note from k13`))
	assert.Equal(t, schema.Current, result.State.Kind)
	require.Len(t, result.State.Skipped(), 2)
	assert.Equal(t, "demo", result.State.Skipped()[0].Context)
	assert.Equal(t, "next-release", result.State.Skipped()[1].Labels)
	assert.Contains(t, x.heard(), "not selected: changeset demo (ops)")

	x.Contexts, x.Labels = "demo", "next-release"
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "outdated (2 pending)", state.String())
	assert.Len(t, x.update().Applied, 2)
}

func environmentIsHidden(t *testing.T, s *site) {
	const text = "Dear ${USER}, ${HOME}, ${os.name}, ${user.dir}, ${PGPASSFILE}, ${LIQUIBASE_COMMAND_URL}, " +
		"${LIQUIBASE_COMMAND_PASSWORD}, ${org.postgresql.pgpassfile}, ${k10_unset}"
	x := s.trial(t, map[string]string{"parts/001.sql": "--liquibase formatted sql\n--property name:k10_set value:given\n" +
		set("1", "create table k10 (v text);\ninsert into k10 values ('"+text+", ${k10_set}');")})
	x.update()
	assert.Equal(t, []string{text + ", given"}, x.column(`select v from k10`))
	assert.Contains(t, x.heard(), "${USER}")
	x.Image = "image-2" // asks Liquibase again
	assert.Empty(t, x.update().Applied)
}

func statusWithoutImage(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	liquibase := x.Liquibase
	x.Liquibase = nil
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.True(t, state.Estimated)
	assert.Equal(t, schema.None, state.Kind)
	_, err = x.Update(t.Context())
	var failed *schema.Error
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, failed.Hint, "build:liquibase")

	x.Liquibase = liquibase
	x.update()
	x.Liquibase = nil
	state, err = x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "current", state.String(), "Liquibase has read it before")
	x.write("parts/002.sql", sql(set("2", "create table b (id int);")))
	state, err = x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "unread (1 recorded; what is pending is not known: Liquibase has not read the changelog)",
		state.String())
	require.Len(t, state.Unknown, 1)
	assert.Equal(t, "1 (ops)", state.Unknown[0].String())
}

func partialProgress(t *testing.T, s *site) {
	files := map[string]string{"parts/001.sql": sql(
		set("1", "create table a (id int);"),
		set("2 runInTransaction:false", "create index concurrently a_id on a (id);"),
		set("3", "create table b (id int);"),
		set("4", "create tablet c (id int);"))}
	x := s.trial(t, files)
	_, err := x.Update(t.Context())
	var failed *schema.Error
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "4", failed.Changeset)
	require.Len(t, failed.Outcome.Applied, 2)
	assert.Equal(t, "2", failed.Outcome.Applied[1].Changeset)
	assert.Contains(t, strings.Join(failed.Details(), "\n"), "stay applied")
	assert.Contains(t, x.heard(), "runs outside a transaction")
	assert.Equal(t, []string{"1", "2"}, x.column(`select id from databasechangelog order by orderexecuted`))
	assert.Equal(t, []string{"false"}, x.column(`select locked::text from databasechangeloglock`))
	assert.Contains(t, x.snapshot(), "a_id i")
	assert.NotContains(t, x.snapshot(), "b r")

	x.write("parts/001.sql", strings.Replace(files["parts/001.sql"], "tablet", "table", 1))
	assert.Len(t, x.update().Applied, 2)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	require.NoError(t, err)
	return full
}
