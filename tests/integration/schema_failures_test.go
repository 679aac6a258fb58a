package integration_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

func schemaFailures() []schemaTest {
	return []schemaTest{
		{name: "a failing changeset undoes the good ones before it", run: secondFails},
		{name: "a syntax error is found in its line", run: syntaxError},
		{name: "an edited changeset is refused, and status says the same", run: editedChangeset},
		{name: "a file without the header is refused", run: headerMissing},
		{name: "a changelog that cannot be read is refused", run: unreadable},
		{name: "numbers that are not padded run in another order", run: unpadded},
		{name: "tables that nobody recorded are not touched", run: standingTables},
		{name: "a user who may not create roles is told so", run: withoutCreateRole, alone: true},
	}
}

func secondFails(t *testing.T, s *site) {
	x := s.trial(t,
		map[string]string{"parts/001.sql": sql(set("1", "create table a (id int primary key);\ninsert into a values (1);"))})
	x.update()
	x.write("parts/002.sql",
		sql(set("2", "create table b (id int);\ninsert into a values (2);"), set("3", "insert into a values (1);")))
	failed := x.fails()
	assert.Equal(t, schema.FailedChangeset, failed.Kind)
	assert.Equal(t, "changelogs/parts/002.sql", failed.File)
	assert.Equal(t, "3", failed.Changeset)
	assert.Contains(t, failed.Cause, `duplicate key value violates unique constraint "a_pkey"`)
	assert.Empty(t, failed.Outcome.Applied)
	assert.NotEmpty(t, failed.Log)
	assert.Equal(t, []string{"1"}, x.column(`select id::text from a`))
}

func syntaxError(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{
		schema.DefaultRoot: "databaseChangeLog:\n  - include:\n      file: 050_a,b.sql\n",
		"050_a,b.sql":      sql(set("k25", "create table k25(\n  share text default '100%'\n  oops\n);")),
	})
	failed := x.fails()
	assert.Equal(t, `changelogs/050_a,b.sql:5: changeset "k25" of ops: ERROR: syntax error at or near "oops"`,
		failed.Error())
	assert.Empty(t, x.snapshot(), "Liquibase's own tables stay")
	assert.Contains(t, strings.Join(failed.Details(), "\n"), "as it was")
}

func editedChangeset(t *testing.T, s *site) {
	first := set("k08-1", "create table k08 (id int);")
	x := s.trial(t, map[string]string{"parts/001.sql": sql(first)})
	x.update()
	x.write("parts/001.sql",
		sql(first, "\n-- next step: remember the origin\n", set("k08-2", "alter table k08 add origin text;")))
	failed := x.fails()
	assert.Equal(t, schema.Edited, failed.Kind)
	assert.Equal(t, "changelogs/parts/001.sql", failed.File)
	assert.Equal(t, "k08-1", failed.Changeset)
	assert.Contains(t, failed.Hint, "belongs to that changeset")
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, schema.Diverged, state.Kind)
	require.Error(t, state.Problem)
	assert.Equal(t, failed.Error(), state.Problem.Error())

	x.write("parts/001.sql", sql(set("k08-1", "create table k08 (id bigint);")))
	assert.Contains(t, x.fails().Hint, "new changeset")
	x.write("parts/001.sql", strings.ReplaceAll(sql(first), "\n", "\r\n"))
	assert.Empty(t, x.update().Applied, "line endings are not part of the checksum")
}

func headerMissing(t *testing.T, s *site) {
	for _, head := range []string{
		"-- Copyright the operators\n--liquibase formatted sql\n", "-- liquibase-formatted sql\n",
	} {
		x := s.trial(t, map[string]string{"parts/001.sql": head + set("k09-1 context:never", "create table k09a (id int);")})
		failed := x.fails()
		assert.Equal(t, schema.Refused, failed.Kind)
		assert.Equal(t, "changelogs/parts/001.sql", failed.File)
		assert.Contains(t, failed.Cause, "first line")
		state, err := x.Status(t.Context())
		require.NoError(t, err)
		assert.Error(t, state.Problem)
	}
	x := s.trial(t, map[string]string{"parts/001.sql": "\n\n" + sql(set("1", "create table a (id int);"))})
	assert.Equal(t, "1", x.update().Applied[0].Changeset)
}

func unreadable(t *testing.T, s *site) {
	const include = "databaseChangeLog:\n  - include:\n      file: "
	for name, tc := range map[string]struct {
		files map[string]string
		kind  schema.Kind
		file  string
		words string
	}{
		"YAML": {
			map[string]string{schema.DefaultRoot: "databaseChangeLog:\n  - include: [\n"},
			schema.BadChangelog, schema.DefaultRoot, "line 3",
		},
		"a missing file": {
			map[string]string{schema.DefaultRoot: include + "nope.sql\n"},
			schema.BadChangelog, schema.DefaultRoot, "nope.sql was not found",
		},
		"an unknown change": {
			map[string]string{schema.DefaultRoot: "databaseChangeLog:\n  - changeSet:\n      id: 1\n      author: ops\n" +
				"      changes:\n        - createTabel: {tableName: a}\n"},
			schema.BadChangelog, schema.DefaultRoot, "createTabel",
		},
		"XML": {
			map[string]string{schema.DefaultRoot: include + "a.xml\n", "a.xml": "<databaseChangeLog"},
			schema.BadChangelog,
			"a.xml", "line 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := s.trial(t, tc.files)
			failed := x.fails()
			assert.Equal(t, tc.kind, failed.Kind, failed)
			assert.Equal(t, "changelogs/"+tc.file, failed.File)
			assert.Contains(t, failed.Cause, tc.words)
		})
	}
	x := s.trial(t, map[string]string{"parts/001.sql": sql()}, func(o *schema.Options) {
		o.Changelog = "changelogs/other.yaml"
	})
	failed := x.fails()
	assert.Equal(t, schema.MissingFile, failed.Kind)
	assert.Equal(t, "changelogs/other.yaml: no such file or directory", failed.Error())
}

func unpadded(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{
		"parts/2_base.sql":  sql(set("k11-2", "create table k11 (id int);")),
		"parts/10_next.sql": sql(set("k11-10", "alter table k11 add n int;")),
	})
	failed := x.fails()
	assert.Equal(t, "changelogs/parts/10_next.sql", failed.File)
	assert.Contains(t, failed.Cause, `relation "k11" does not exist`)
	assert.Contains(t, x.heard(), "10_next.sql, 2_base.sql")
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Changesets, 2)
	assert.Equal(t, "k11-10", state.Changesets[0].ID)
}

func standingTables(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table domains (id int);"))})
	exec(t, x.conn, `create table domains (name text)`, `create table other (id int)`)
	failed := x.fails()
	assert.Equal(t, schema.Standing, failed.Kind)
	assert.Equal(t, `changelogs/parts/001.sql:3: changeset "1" of ops: ERROR: relation "domains" already exists`,
		failed.Error())
	assert.Contains(t, failed.Hint, "changelog-sync")
	_, err := x.Init(t.Context())
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, schema.Standing, failed.Kind)
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"domains", "other"}, state.Standing)

	x.write("parts/001.sql", sql("--changeset ops:1\n--preconditions onFail:MARK_RAN\n"+
		"--precondition-sql-check expectedResult:0 select count(*) from pg_tables where tablename = 'domains'\n"+
		"create table domains (id int);\n", set("2", "create table if not exists other (id int);")))
	result := x.update()
	require.Len(t, result.Applied, 2)
	assert.Equal(t, "MARK_RAN", result.Applied[0].Type)
	assert.Equal(t, "current (1 marked as run)", result.State.String())
	assert.Contains(t, x.heard(), "its precondition does not hold")
}

func withoutCreateRole(t *testing.T, s *site) {
	x := s.trial(t, nil, func(o *schema.Options) { o.Root = absolute(t, checkout) })
	exec(t, x.conn, `create role plain_owner login password 'pw-plain'`, `grant all on schema public to plain_owner`,
		`do $$ begin alter role poststack_bind rename to parked;
			exception when undefined_object then create role parked; end $$`)
	t.Cleanup(func() {
		_, err := x.conn.Exec(context.Background(), `alter role parked rename to poststack_bind`)
		assert.NoError(t, err)
	})
	x.Target.User, x.Target.Password = "plain_owner", "pw-plain"
	x.Inside = x.Target
	failed := x.fails()
	assert.Equal(t, "010-roles", failed.Changeset)
	assert.Contains(t, failed.Cause, `role "poststack_bind" does not exist, and user "plain_owner" may not create it`)
	assert.Contains(t, failed.Cause, "create role poststack_bind nologin")
}
