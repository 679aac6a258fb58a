package integration_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

func schemaReading() []schemaTest {
	return []schemaTest{
		{name: "a changelog means what Liquibase takes it for", run: oneReading},
		{name: "each state has one word", run: oneWord},
		{name: "what is recorded and in no file is named", run: recordedElsewhere},
		{name: "what Liquibase would read wrongly is refused", run: misread},
		{name: "a failed statement is found in its own line", run: ownLine},
		{name: "a changeset that is passed over is not applied", run: passedOver},
	}
}

const yamlRoot = "databaseChangeLog:\n"

// changeSet is a changeset in YAML.
func changeSet(attributes, sql string) string {
	return "  - changeSet:\n      " + attributes + "\n      author: ops\n      changes:\n        - sql: {sql: " + sql +
		"}\n"
}

// oneReading: each of these was once read in another way by Poststack than by Liquibase.
func oneReading(t *testing.T, s *site) {
	plain := sql(set("1", "create table a (id int);"))
	body := "create function f() returns int language sql begin atomic select 1; end;"
	for name, tc := range map[string]struct {
		files map[string]string
		ids   []string
	}{
		"ids that YAML takes for numbers and dates": {
			map[string]string{schema.DefaultRoot: yamlRoot + changeSet("id: 001", "select 1") +
				changeSet("id: 1.10", "select 2") + changeSet("id: 2024-01-05", "select 3")},
			[]string{"1", "1.1", "Fri Jan 05 00:00:00 UTC 2024"},
		},
		"a name in capitals, and a hidden one": {
			map[string]string{"parts/A.SQL": plain, "parts/.x.sql": sql(set("2", "create table x (id int);"))},
			[]string{"2", "1"},
		},
		"a header with a dot": {
			map[string]string{"parts/a.sql": strings.Replace(plain, "formatted sql", "formatted.sql", 1)}, []string{"1"},
		},
		"files beside the root": {
			map[string]string{
				schema.DefaultRoot: yamlRoot + "  - includeAll: {path: ., relativeToChangelogFile: true, endsWithFilter: .sql}\n",
				"a.sql":            plain,
			}, []string{"1"},
		},
		"truths in capitals": {
			map[string]string{"parts/a.sql": sql(set("1 runInTransaction:FALSE", "vacuum;"),
				set("2 failOnError:FALSE", "select 1;"))},
			[]string{"1", "2"},
		},
		"a function, an escape, an apostrophe in a name": {
			map[string]string{"parts/a.sql": sql(set("1 splitStatements:false", body),
				set("2", `select E'it\'s; end';`+"\nselect 1 as \"don't\";\nselect 2 as \"commit\";"))}, []string{"1", "2"},
		},
	} {
		x := s.trial(t, tc.files)
		result, err := x.Update(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, schema.Current, result.State.Kind, "%s: %s", name, result.State)
		assert.Equal(t, tc.ids, x.column(`select id from databasechangelog order by orderexecuted`), name)
		var shown []string
		for _, c := range result.State.Changesets {
			assert.Equal(t, schema.Ran, c.Will, name)
			assert.NotZero(t, c.Line, "%s: %s", name, c)
			shown = append(shown, c.ID)
		}
		assert.Equal(t, tc.ids, shown, name)
		assert.Empty(t, x.update().Applied, name)
	}
}

func oneWord(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{
		schema.DefaultRoot: yamlRoot + "  - include: {file: a.sql}\n  - include: {file: demo.sql, context: \"@demo\"}\n" +
			"  - include: {file: off.sql, ignore: true}\n",
		"a.sql": sql(set("oracle dbms:oracle", "select 1 from dual;"), set("labelled labels:next", "select 1;"),
			set("base", "create table a (n int);"), set("always runAlways:TRUE", "insert into a values (1);")),
		"demo.sql": sql(set("demo", "insert into a values (2);")),
		"off.sql":  sql(set("off", "insert into a values (3);")),
	})
	want := map[string]schema.Will{
		"oracle": schema.OtherDatabase, "labelled": schema.NotSelected, "base": schema.WillRun, "always": schema.RunsAlways,
		"demo": schema.NotSelected, "off": schema.Ignored,
	}
	check := func(state schema.State) {
		t.Helper()
		got := map[string]schema.Will{}
		for _, c := range state.Changesets {
			got[c.ID] = c.Will
		}
		assert.Equal(t, want, got)
	}
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	check(state)
	result := x.update()
	assert.Equal(t, []string{"1"}, x.column(`select n::text from a`))
	want["base"] = schema.Ran
	check(result.State)
	assert.Equal(t, "current (1 runs on every update; 2 not selected; 1 for other databases; 1 ignored)",
		result.State.String())
	assert.Len(t, x.update().Applied, 1)
	assert.Equal(t, []string{"1", "1"}, x.column(`select n::text from a`))
}

func recordedElsewhere(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{
		"parts/002.sql": sql(set("2", "create table b (id int);")), "parts/003_other_branch.sql": sql(set("3", "select 1;")),
	})
	x.update()
	x.write("parts/001.sql", sql(set("1", "create table a (id int);")))
	x.write("parts/003_other_branch.sql", "--liquibase formatted sql\n")
	state, err := x.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "outdated (1 pending; 1 recorded that the changelog does not hold)", state.String())
	x.update()
	assert.Contains(t, x.heard(), "changeset 3 (ops) of parts/003_other_branch.sql is recorded in the database, and is "+
		"in none of the changelog's files")
	assert.Contains(t, x.heard(),
		"changeset 1 (ops) of parts/001.sql is new and stands before 2 (ops) of parts/002.sql, which has run already")
}

func misread(t *testing.T, s *site) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"Latin-1": {
			map[string]string{"parts/001.sql": sql(set("1", "create table a (t text);\ninsert into a values ('caf\xe9');"))},
			"changelogs/parts/001.sql:4: line 4 is not UTF-8 (byte 0xE9); convert the file, for instance: iconv",
		},
		"Latin-1 in a script": {
			map[string]string{
				schema.DefaultRoot: yamlRoot + "  - changeSet: {id: 1, author: ops, changes: [{sqlFile: {path: a.sql}}]}\n",
				"a.sql":            "select 'caf\xe9';",
			},
			"changelogs/a.sql:1: line 1 is not UTF-8",
		},
		"Latin-1 in a script that says it is UTF-8": {
			map[string]string{
				schema.DefaultRoot: yamlRoot +
					"  - changeSet: {id: 1, author: ops, changes: [{sqlFile: {path: a.sql, encoding: utf-8}}]}\n",
				"a.sql": "select 'caf\xe9';",
			},
			"changelogs/a.sql:1: line 1 is not UTF-8",
		},
		"Latin-1 in rows": {
			map[string]string{
				schema.DefaultRoot: yamlRoot + "  - include: {file: parts/b.yaml}\n",
				"parts/b.yaml": yamlRoot + "  - changeSet: {id: 1, author: ops, changes: " +
					"[{loadData: {file: a.csv, relativeToChangelogFile: true, tableName: t}}]}\n",
				"parts/a.csv": "id,s\n1,M\xfcller\n",
			},
			"changelogs/parts/a.csv:2: line 2 is not UTF-8",
		},
		"a script that is not there": {
			map[string]string{
				schema.DefaultRoot: yamlRoot + "  - changeSet: {id: 1, author: ops, changes: [{sqlFile: {path: none.sql}}]}\n",
			},
			"changelogs/" + schema.DefaultRoot + `:2: changeset "1" of ops: Validation Failed`,
		},
		"a root that includes itself": {
			map[string]string{schema.DefaultRoot: yamlRoot + "  - include: {file: " + schema.DefaultRoot + "}\n"},
			"changelogs/" + schema.DefaultRoot + ": it includes itself, in a loop",
		},
		"two that include each other": {
			map[string]string{
				schema.DefaultRoot: yamlRoot + "  - include: {file: b.yaml}\n",
				"b.yaml":           yamlRoot + "  - include: {file: " + schema.DefaultRoot + "}\n",
			},
			"changelogs/b.yaml: it includes " + schema.DefaultRoot + ", which includes it, in a loop",
		},
		"an id that stands twice": {
			map[string]string{"parts/001.sql": sql(set("1", "select 1;"), set("1", "select 2;"))},
			"1 changesets had duplicate identifiers parts/001.sql::1::ops",
		},
	} {
		x := s.trial(t, tc.files)
		failed := x.fails()
		assert.Contains(t, failed.Error(), tc.want, name)
		state, err := x.Status(t.Context())
		require.NoError(t, err, name)
		require.Error(t, state.Problem, name)
		assert.Equal(t, failed.Error(), state.Problem.Error(), name)
	}
}

func ownLine(t *testing.T, s *site) {
	for name, tc := range map[string]struct{ sql, want, hint string }{
		"a first line that stands twice": {
			"create table a (\n  id int);\n-- once more\ncreate table a (\n  id int);",
			`:6: changeset "1" of ops: ERROR: relation "a" already exists`, "an earlier statement",
		},
		"behind comments that are left out": {
			"select 1;\n/* a\n b */\nselect 2\n  -- here\n  , nothing;",
			`:8: changeset "1" of ops: ERROR: column "nothing" does not exist`, "",
		},
		"an operator that the driver takes for a parameter": {
			"select '{}'::jsonb ? 'x';", `:3: changeset "1" of ops: ERROR: syntax error at or near "$1"`, `Write "??"`,
		},
	} {
		x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", tc.sql))})
		failed := x.fails()
		assert.Equal(t, "changelogs/parts/001.sql"+tc.want, failed.Error(), name)
		assert.Contains(t, failed.Hint, tc.hint, name)
	}
	x := s.trial(t, map[string]string{
		schema.DefaultRoot: yamlRoot + "  - changeSet: {id: 1, author: ops, changes: [{sqlFile: {path: a.sql}}, " +
			"{sqlFile: {path: b.sql}}]}\n",
		"a.sql": "create table a (n int);\n", "b.sql": "insert into a values (1);\n\ninsert into a values (2 / 0);\n",
	})
	assert.Equal(t, `changelogs/b.sql:3: changeset "1" of ops: ERROR: division by zero`, x.fails().Error())
}

func passedOver(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(
		set("1 failOnError:false", "insert into nowhere values (1);"),
		set("2", "do $$ begin raise warning 'mind the gap'; end $$;"))})
	result := x.update()
	require.Len(t, result.Applied, 2)
	assert.Equal(t, []string{"FAILED", "EXECUTED"}, []string{result.Applied[0].Type, result.Applied[1].Type})
	assert.Equal(t, "outdated (1 pending)", result.State.String())
	assert.Contains(t, x.heard(), "changeset 2 (ops) of parts/001.sql: mind the gap")
}
