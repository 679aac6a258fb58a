package schema_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

func changelog(t *testing.T) *schema.Changelog {
	return load(t, map[string]string{"parts/001.sql": header + "--changeset ops:1\nselect 1;\n--changeset ops:2\nselect 2;\n" +
		"--changeset ops:3 context:demo\nselect 3;\n--changeset ops:4 labels:next\nselect 4;\n--changeset ops:5 context:!demo\nselect 5;\n"})
}

func applied(ids ...string) []schema.Row {
	var list []schema.Row
	for _, id := range ids {
		list = append(list, schema.Row{File: "parts/001.sql", ID: id, Author: "ops", MD5: "9:" + id})
	}
	return list
}

func TestState(t *testing.T) {
	t.Parallel()
	lock := &schema.Lock{By: "gone (192.0.2.9)", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	const estimated = "estimated: Liquibase was not asked"
	for name, tc := range map[string]struct {
		rows             []schema.Row
		lock             *schema.Lock
		contexts, labels string
		kind             schema.StateKind
		text             string
	}{
		"nothing applied":  {nil, nil, "", "", schema.None, "none (3 pending; 2 not selected; " + estimated + ")"},
		"some applied":     {applied("1"), nil, "", "", schema.Outdated, "outdated (2 pending; 2 not selected; " + estimated + ")"},
		"all applied":      {applied("1", "2", "5"), nil, "", "", schema.Current, "current (2 not selected; " + estimated + ")"},
		"demo asked for":   {applied("1", "2", "5"), nil, "demo", "", schema.Outdated, "outdated (1 pending; 1 not selected; " + estimated + ")"},
		"labels asked for": {applied("1", "2", "5"), nil, "", "next", schema.Outdated, "outdated (1 pending; 1 not selected; " + estimated + ")"},
		"locked": {
			applied("1", "2"), lock, "", "", schema.Locked,
			"locked (1 pending; 2 not selected; locked by gone (192.0.2.9), since 2026-01-02 03:04:05; " + estimated + ")",
		},
		"a lock with nothing pending": {
			applied("1", "2", "5"), lock, "", "", schema.Current,
			"current (2 not selected; locked by gone (192.0.2.9), since 2026-01-02 03:04:05; " + estimated + ")",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := schema.Compare(changelog(t), tc.rows, tc.lock, tc.contexts, tc.labels)
			assert.Equal(t, tc.kind, state.Kind)
			assert.Equal(t, tc.text, state.String())
		})
	}
	state := schema.Compare(changelog(t), applied("1", "2", "5", "gone"), nil, "", "")
	assert.Equal(t, schema.Current, state.Kind)
	require.Len(t, state.Unknown, 1)
	assert.Equal(t, "gone (ops)", state.Unknown[0].String())
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	c := changelog(t)
	rows := applied("1", "2", "5")
	same := schema.Fingerprint(c, rows, "image", "", "")
	assert.Equal(t, same, schema.Fingerprint(changelog(t), applied("1", "2", "5"), "image", "", ""))
	edited := applied("1", "2", "5")
	edited[1].MD5 = "9:x"
	for name, other := range map[string]string{
		"another image":     schema.Fingerprint(c, rows, "other", "", ""),
		"contexts":          schema.Fingerprint(c, rows, "image", "demo", ""),
		"labels":            schema.Fingerprint(c, rows, "image", "", "demo"),
		"a row less":        schema.Fingerprint(c, applied("1", "2"), "image", "", ""),
		"a row more":        schema.Fingerprint(c, applied("1", "2", "5", "6"), "image", "", ""),
		"another order":     schema.Fingerprint(c, applied("2", "1", "5"), "image", "", ""),
		"an edited row":     schema.Fingerprint(c, edited, "image", "", ""),
		"another changelog": schema.Fingerprint(load(t, map[string]string{"parts/001.sql": good}), rows, "image", "", ""),
	} {
		assert.NotEqual(t, same, other, name)
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	c := changelog(t)
	assert.Nil(t, schema.FindMoved(c, applied("1")))
	assert.Nil(t, schema.FindMoved(c, []schema.Row{{File: "other.sql", ID: "1", Author: "ops"}}), "another file may use the same id")
	assert.Nil(t, schema.FindMoved(c, append(applied("1"), schema.Row{File: "old/001.sql", ID: "1", Author: "ops"})))
	err := schema.FindMoved(c, []schema.Row{{File: "changelogs/parts/001.sql", ID: "1", Author: "ops"}})
	require.NotNil(t, err)
	assert.Equal(t, `changelogs/parts/001.sql:2: changeset "1" of ops: it was applied as "changelogs/parts/001.sql" and would run again as "parts/001.sql"`,
		err.Error())
	assert.Contains(t, err.Hint, "logicalFilePath:changelogs/parts/001.sql")
}
