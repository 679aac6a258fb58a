package schema_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

// reading is a changelog of seven changesets of one file, each with the checksum 9:ID.
func reading() *schema.Reading {
	r := &schema.Reading{}
	for _, id := range []string{"1", "2", "demo", "next", "oracle", "ignored", "changing"} {
		s := at("parts/001.sql", id, 2)
		s.Checksum = "9:" + id
		s.Skip = map[string]string{"demo": "context", "next": "labels", "oracle": "dbms", "ignored": "ignore"}[id]
		s.RunOnChange = id == "changing"
		r.Changesets = append(r.Changesets, s)
	}
	return r
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
	const others = "2 not selected; 1 for other databases; 1 ignored"
	marked := applied("1", "2", "changing")
	marked[1].Exec = "MARK_RAN"
	edited := applied("1", "2", "changing")
	edited[0].MD5 = "9:x"
	changed := applied("1", "2", "changing")
	changed[2].MD5 = "9:x"
	old := applied("1", "2", "changing")
	old[0].File, old[1].MD5 = `classpath:parts\001.sql`, ""
	all := applied("1", "2", "changing")
	for name, tc := range map[string]struct {
		rows []schema.Row
		lock *schema.Lock
		kind schema.StateKind
		text string
		sure bool
	}{
		"nothing applied":         {nil, nil, schema.None, "none (3 pending; " + others + ")", true},
		"some applied":            {applied("1"), nil, schema.Outdated, "outdated (2 pending; " + others + ")", true},
		"all applied":             {all, nil, schema.Current, "current (" + others + ")", true},
		"a path as it was once":   {old, nil, schema.Current, "current (" + others + ")", true},
		"one marked by hand":      {marked, nil, schema.Current, "current (1 marked as run; " + others + ")", true},
		"one edited, or allowed":  {edited, nil, schema.Current, "current (" + others + ")", false},
		"one that runs on change": {changed, nil, schema.Outdated, "outdated (1 pending; " + others + ")", false},
		"one that nobody knows": {
			append(all[:3:3], applied("gone")...), nil, schema.Current,
			"current (" + others + "; 1 recorded that the changelog does not hold)", true,
		},
		"locked": {
			applied("1", "2"), lock, schema.Locked,
			"locked (1 pending; " + others + "; locked by gone (192.0.2.9), since 2026-01-02 03:04:05)", true,
		},
		"a lock with nothing pending": {
			all, lock, schema.Current, "current (" + others + "; locked by gone (192.0.2.9), since 2026-01-02 03:04:05)", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, sure := schema.Compare(reading(), tc.rows, tc.lock)
			assert.Equal(t, tc.kind, state.Kind)
			assert.Equal(t, tc.text, state.String())
			assert.Equal(t, tc.sure, sure)
		})
	}
}

func TestState_always_and_conditional(t *testing.T) {
	t.Parallel()
	always := at("a.sql", "1", 2)
	always.RunAlways = true
	r := &schema.Reading{Changesets: []schema.Changeset{always}}
	state, sure := schema.Compare(r, []schema.Row{{File: "a.sql", ID: "1", Author: "ops"}}, nil)
	assert.True(t, sure)
	assert.Equal(t, "current (1 runs on every update)", state.String())
	r.Conditional = true
	_, sure = schema.Compare(r, nil, nil)
	assert.False(t, sure, "only the database answers the preconditions of a whole changelog")
}

func TestState_remarks(t *testing.T) {
	t.Parallel()
	state, _ := schema.Compare(reading(), applied("2", "gone"), nil)
	assert.Equal(t, []string{
		"changeset gone (ops) of parts/001.sql is recorded in the database, and is in none of the changelog's files",
		"changeset 1 (ops) of parts/001.sql is new and stands before 2 (ops) of parts/001.sql, which has run already",
	}, state.Remarks())
	assert.Equal(t, []string{"no changeset is recorded, but the schema holds already: box"},
		schema.State{Standing: []string{"box"}}.Remarks())
}

func TestMoved(t *testing.T) {
	t.Parallel()
	c := played()
	assert.Nil(t, schema.FindMoved(c, reading(), applied("1")))
	assert.Nil(t, schema.FindMoved(c, reading(), []schema.Row{{File: "other.sql", ID: "1", Author: "ops"}}),
		"another file may use the same id")
	assert.Nil(t,
		schema.FindMoved(c, reading(), append(applied("1"), schema.Row{File: "old/001.sql", ID: "1", Author: "ops"})))
	err := schema.FindMoved(c, reading(), []schema.Row{{File: "changelogs/parts/001.sql", ID: "1", Author: "ops"}})
	require.NotNil(t, err)
	assert.Equal(t, `changelogs/parts/001.sql:2: changeset "1" of ops: it was applied as "changelogs/parts/001.sql" and `+
		`would run again as "parts/001.sql"`,
		err.Error())
	assert.Contains(t, err.Hint, "logicalFilePath:changelogs/parts/001.sql")
	renamed := schema.FindMoved(c, reading(), []schema.Row{{File: "parts/000.sql", ID: "2", Author: "ops", MD5: "9:2"}})
	require.NotNil(t, renamed, "what runs is the same")
	assert.Contains(t, renamed.Cause, `it was applied as "parts/000.sql"`)
	assert.Nil(t, schema.FindMoved(c, reading(), []schema.Row{{File: "old/001.sql", ID: "demo", Author: "ops"}}),
		"it does not run now")
}

func TestState_of_a_changelog_that_cannot_be_read(t *testing.T) {
	t.Parallel()
	state := schema.State{Estimated: true, Problem: &schema.Error{Kind: schema.BadChangelog}}
	assert.Equal(t, schema.None, state.KindOf(), "nothing is recorded that could have diverged")
	assert.Contains(t, state.String(), "Liquibase could not read the changelog")
	state.Recorded = 1
	assert.Equal(t, schema.Unread, state.KindOf())
	state.Estimated = false
	assert.Equal(t, schema.Diverged, state.KindOf())
}
