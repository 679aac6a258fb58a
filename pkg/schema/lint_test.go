package schema_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

const (
	header = "--liquibase formatted sql\n"
	good   = header + "--changeset a:1\nselect 1;\n--rollback empty\n"
)

// at is a changeset of a file.
func at(file, id string, line int) schema.Changeset {
	return schema.Changeset{File: file, Source: file, ID: id, Author: "ops", Line: line}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	final, passed, open1, open2 := at("a.sql", "1", 2), at("a.sql", "2", 5), at("a.sql", "3", 7), at("a.sql", "4", 9)
	final.Final, passed.PassOver = true, true
	open1.Undeclared, open2.Undeclared = "os.name HOME", "HOME"
	for name, tc := range map[string]struct {
		sets []schema.Changeset
		want []string
	}{
		"nothing to say": {[]schema.Changeset{at("parts/001.sql", "1", 2)}, nil},
		"a missing rollback": {
			[]schema.Changeset{final, final},
			[]string{"changelogs/a.sql: 2 of its changesets cannot be rolled back: add a --rollback to each"},
		},
		"a failure that is no": {
			[]schema.Changeset{passed}, []string{"changelogs/a.sql:5: changeset 2 (ops) has failOnError:false"},
		},
		"undeclared names": {
			[]schema.Changeset{open1, open2}, []string{"changelogs/a.sql: ${HOME}, ${os.name} is declared nowhere"},
		},
		"numbers without padding": {
			[]schema.Changeset{at("parts/10_next.sql", "10", 2), at("parts/2_base.sql", "2", 2)},
			[]string{"changelogs/parts: the files run in the order of their bytes, which is not that of their numbers: " +
				"10_next.sql, 2_base.sql; pad the numbers"},
		},
		"a name inside another": {
			[]schema.Changeset{at("parts/1.main-2.sql", "2", 2), at("parts/1.main.sql", "1", 2)},
			[]string{"changelogs/parts: the files run in the order of their bytes"},
		},
		"an order of one's own": {
			[]schema.Changeset{at("parts/b.sql", "1", 2), at("parts/a.sql", "1", 2), at("parts/c.sql", "1", 2)}, nil,
		},
		"padded numbers": {
			[]schema.Changeset{at("parts/009_a.sql", "1", 2), at("parts/010_b.sql", "1", 2), at("parts/100_c.sql", "1", 2)}, nil,
		},
	} {
		got := schema.Warnings(played(), &schema.Reading{Changesets: tc.sets})
		require.Len(t, got, len(tc.want), name)
		for i := range got {
			assert.Contains(t, got[i], tc.want[i], name)
		}
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	misread := at("a.sql", "raw", 0)
	misread.Misread = true
	assert.Nil(t, schema.Refusal(played(), &schema.Reading{Changesets: []schema.Changeset{at("a.sql", "raw", 0)}}))
	err := schema.Refusal(played(), &schema.Reading{Changesets: []schema.Changeset{at("b.sql", "1", 2), misread}})
	require.NotNil(t, err)
	assert.Contains(t, err.Error(), `changelogs/a.sql: Liquibase takes it for one script`)
}
