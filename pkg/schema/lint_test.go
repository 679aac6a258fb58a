package schema_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

const (
	header = "--liquibase formatted sql\n"
	good   = header + "--changeset a:1\nselect 1;\n--rollback empty\n"
)

func TestLint(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string // severity file:line: words
	}{
		"nothing to say": {map[string]string{"parts/001.sql": good}, nil},
		"a licence above the header": {
			map[string]string{"parts/001.sql": "-- (c) ops\n" + good},
			[]string{`refuse parts/001.sql:1: first line must be`},
		},
		"a typo in the header": {
			map[string]string{"parts/001.sql": "-- liquibase-formatted sql\n--changeset a:1\nselect 1;\n"},
			[]string{`refuse parts/001.sql:1: first line must be`},
		},
		"SQL before the first changeset": {
			map[string]string{"parts/001.sql": header + "select 1;\n" + good},
			[]string{`refuse parts/001.sql:2: SQL before`},
		},
		"a file without a changeset": {map[string]string{"parts/001.sql": header}, []string{`warn parts/001.sql:0: no changeset`}},
		"an empty file":              {map[string]string{"parts/001.sql": "\n"}, []string{`warn parts/001.sql:0: empty`}},
		"an id that stands twice": {
			map[string]string{"parts/001.sql": good + "--changeset a:1\nselect 2;\n--rollback empty\n"},
			[]string{`refuse parts/001.sql:5: stands in line 2 already`},
		},
		"an id in two files is two changesets": {map[string]string{"parts/001.sql": good, "parts/002.sql": good}, nil},
		"a missing rollback": {
			map[string]string{"parts/001.sql": header + "--changeset a:1\nselect 1;\n--changeset a:2\nselect 2;\n"},
			[]string{`warn parts/001.sql:0: 2 of its changesets cannot be rolled back`},
		},
		"a missing file": {
			map[string]string{schema.DefaultRoot: "databaseChangeLog:\n  - include:\n      file: parts/9.sql\n"},
			[]string{`refuse db.changelog-root.yaml:3: included file "parts/9.sql" does not exist (looked for changelogs/parts/9.sql)`},
		},
		"an empty directory": {map[string]string{"other/1.sql": ""}, []string{`refuse db.changelog-root.yaml:3: included directory "parts" holds no file`}},
		"a root that is none": {
			map[string]string{schema.DefaultRoot: "changes: []\n"},
			[]string{`refuse db.changelog-root.yaml:1: no databaseChangeLog`},
		},
		"YAML that is none": {
			map[string]string{schema.DefaultRoot: "databaseChangeLog:\n\t- include\n"},
			[]string{`refuse db.changelog-root.yaml:0: line 2`},
		},
		"names that nothing declares": {
			map[string]string{"parts/001.sql": header + "--property name:set value:1\n--changeset a:1\nselect '${HOME} ${set} ${HOME} ${database.defaultSchemaName} $1 ${os.name}';\n--rollback empty\n"},
			[]string{`warn parts/001.sql:0: ${HOME}, ${os.name} is declared nowhere`},
		},
		"the end of the transaction": {
			map[string]string{"parts/001.sql": header + "--changeset a:1\nbegin;\nselect 1;\n--rollback empty\n"},
			[]string{`refuse parts/001.sql:2: (BEGIN)`},
		},
		"no transaction to end": {
			map[string]string{"parts/001.sql": header + "--changeset a:1 runInTransaction:false\nbegin; select 1; commit;\n--rollback empty\n"}, nil,
		},
		"words of a function's body": {
			map[string]string{"parts/001.sql": header + "--changeset a:1\ndo $$ begin commit; end $$;\nrollback to savepoint s;\nstart_it();\n--rollback empty\n"}, nil,
		},
		"numbers without padding": {
			map[string]string{"parts/2_base.sql": good, "parts/10_next.sql": good},
			[]string{`warn db.changelog-root.yaml:3: 10_next.sql, 2_base.sql; pad the numbers`},
		},
		"a name inside another": {
			map[string]string{"parts/1.main.sql": good, "parts/1.main-2.sql": good},
			[]string{`warn db.changelog-root.yaml:3: 1.main-2.sql, 1.main.sql`},
		},
		"padded numbers": {map[string]string{"parts/009_a.sql": good, "parts/010_b.sql": good, "parts/100_c.sql": good}, nil},
		"a file that is included twice": {
			map[string]string{schema.DefaultRoot: includeParts + "  - include: {file: parts/001.sql}\n", "parts/001.sql": good},
			[]string{`warn db.changelog-root.yaml:5: included a second time`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			problems := load(t, tc.files).Problems()
			require.Len(t, problems, len(tc.want), problems)
			for i, p := range problems {
				var severity, at string
				_, err := fmt.Sscanf(tc.want[i], "%s %s", &severity, &at)
				require.NoError(t, err)
				assert.Equal(t, severity, string(p.Severity))
				assert.Equal(t, at, fmt.Sprintf("%s:%d:", p.File, p.Line))
				assert.Contains(t, p.Text, tc.want[i][len(severity)+len(at)+2:])
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"parts/2.sql": good, "parts/10.sql": header})
	assert.Len(t, c.Warnings(), 2)
	assert.Contains(t, c.Warnings()[0], "changelogs/db.changelog-root.yaml:3: the files run")
	assert.Contains(t, c.Warnings()[1], "changelogs/parts/10.sql: there is no changeset")
}
