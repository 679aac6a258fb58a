package integration_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

func schemaOperations() []schemaTest {
	return []schemaTest{
		{"the product's schema is made, kept, and rolled back", productSchema},
		{"with nothing pending Liquibase does not start", nothingPending},
		{"a fingerprint holds only for what it was made of", fingerprintEnds},
		{"what always runs is not passed over", alwaysRuns},
		{"demo data and later releases wait until they are selected", contextsAreChosen},
		{"a changelog cannot read the environment", environmentIsHidden},
		{"status estimates without an image", statusEstimates},
		{"one transaction, but for what says otherwise", partialProgress},
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
	for _, table := range []string{"domains", "accounts", "aliases", "dns_zones", "dns_records", "certificates", "services", "settings"} {
		assert.Contains(t, x.snapshot(), table+" r")
	}
	uncommented := x.column(`select c.relname || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 and c.relname !~ '^databasechange'
		and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)`)
	assert.Empty(t, uncommented)
	assert.Equal(t, []string{"schema/001_functions.sql"}, x.column(`select filename from databasechangelog where orderexecuted = 1`))

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
	assert.False(t, state.Estimated)
	assert.EqualValues(t, 1, x.runs.n.Load())
	assert.Equal(t, before, x.snapshot())
}

// asked stands for a Liquibase that is only meant to be asked.
type asked struct{ n int }

// Run finds nothing.
func (a *asked) Run(context.Context, schema.Invocation) (schema.Output, error) {
	a.n++
	return schema.Output{}, nil
}

func fingerprintEnds(t *testing.T, s *site) {
	const file = "parts/001.sql"
	was := sql(set("1", "create table a (id int);"))
	x := s.trial(t, map[string]string{file: was})
	x.update()
	ask := &asked{}
	x.Liquibase = ask
	database := func(statement, back string) func() func() {
		return func() func() {
			exec(t, x.conn, statement)
			return func() { exec(t, x.conn, back) }
		}
	}
	for name, change := range map[string]func() func(){
		"a changeset is added": func() func() {
			x.write(file, was+set("2", "select 1;"))
			return func() { x.write(file, was) }
		},
		"a changeset is edited": func() func() {
			x.write(file, strings.Replace(was, "int", "bigint", 1))
			return func() { x.write(file, was) }
		},
		"a row is another": database(`update databasechangelog set id = '9'`, `update databasechangelog set id = '1'`),
		"a row is added": database(`insert into databasechangelog (id, author, filename, dateexecuted, orderexecuted, exectype)
			values ('9', 'ops', 'x', now(), 9, 'EXECUTED')`, `delete from databasechangelog where id = '9'`),
		"a checksum is changed": database(`update databasechangelog set md5sum = reverse(md5sum)`, `update databasechangelog set md5sum = reverse(md5sum)`),
		"Liquibase is another":  func() func() { x.Image = "image-2"; return func() { x.Image = "image-1" } },
		"other contexts":        func() func() { x.Contexts = "demo"; return func() { x.Contexts = "" } },
		"other labels":          func() func() { x.Labels = "demo"; return func() { x.Labels = "" } },
	} {
		before := ask.n
		back := change()
		_, err := x.Status(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, before+1, ask.n, "the fingerprint was believed: %s", name)
		back()
		_, err = x.Status(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, before+1, ask.n, "the fingerprint does not hold any more: %s", name)
	}
	exec(t, x.conn, `delete from databasechangelog`)
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, schema.Current, state.Kind)
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
	assert.Contains(t, x.heard(), "failed and was passed over")
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
	const text = "Dear ${USER}, ${HOME}, ${os.name}, ${user.dir}, ${PGPASSFILE}, ${LIQUIBASE_COMMAND_URL}, ${LIQUIBASE_COMMAND_PASSWORD}, ${org.postgresql.pgpassfile}, ${k10_unset}"
	x := s.trial(t, map[string]string{"parts/001.sql": "--liquibase formatted sql\n--property name:k10_set value:given\n" +
		set("1", "create table k10 (v text);\ninsert into k10 values ('"+text+", ${k10_set}');")})
	x.update()
	assert.Equal(t, []string{text + ", given"}, x.column(`select v from k10`))
	assert.Contains(t, x.heard(), "${USER}")
	x.Image = "image-2" // asks Liquibase again
	assert.Empty(t, x.update().Applied)
}

func statusEstimates(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"), set("2", "create table b (id int);"))})
	x.Liquibase = nil
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.True(t, state.Estimated)
	assert.Equal(t, schema.None, state.Kind)
	assert.Len(t, state.Pending(), 2)
	_, err = x.Update(t.Context())
	var failed *schema.Error
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, failed.Hint, "build:liquibase")
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
	require.Len(t, failed.Applied, 2)
	assert.Equal(t, "2", failed.Applied[1].Changeset)
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
