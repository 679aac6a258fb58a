package agent_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/rows"
)

func TestAgent_Rehearse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kept, now []string // name, text, name, text…; no rows now: the database is down
		checker   string   // refuses what matches it
		says      string   // "" if it may start
	}{
		"all is well":            {kept: []string{"a", "1"}, now: []string{"a", "2", "b", "1"}},
		"nothing was served yet": {now: []string{"a", "1", "b", "worse"}},
		"it refuses every file": {
			kept: []string{"a", "1"}, now: []string{"a", "1"}, checker: ".", says: "exit status 1",
		},
		"it refuses what is served": {
			kept: []string{"a", "old", "b", "1"}, now: []string{"a", "old", "b", "1"}, checker: "old",
			says: `domains "a", which is served now, would be left out: run /bin/sh: exit status 1: list:a=old`,
		},
		"it refuses what has changed and before": {
			kept: []string{"a", "old", "b", "1"}, now: []string{"a", "older", "b", "1"},
			checker: "old", says: `domains "a", which is served now`,
		},
		"it refuses what was not served before too": {kept: []string{"b", "1"}, now: []string{"a", "worse", "b", "1"}},
		"it refuses a change, and has what was":     {kept: []string{"a", "1"}, now: []string{"a", "worse"}},
		"what it refuses is gone": {
			kept: []string{"a", "old", "b", "1"}, now: []string{"b", "1"}, checker: "old",
		},
		"the database is away": {kept: []string{"a", "1"}},
		"it is away, and it refuses what " +
			"is served": {kept: []string{"a", "old"}, checker: "old", says: `domains "a", which is served now`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := prepare(t, "grep -H bad", "grep -HE "+cmp.Or(tc.checker, "worse"))
			if tc.kept != nil {
				require.NoError(t, os.Mkdir(filepath.Join(r.dir, "kept"), 0o755))
				var all map[string]json.RawMessage
				r.rows(tc.kept...)
				content, err := os.ReadFile(filepath.Join(r.dir, "database.json"))
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(content, &all))
				list, err := rows.Parse(all["domains"], "name")
				require.NoError(t, err)
				require.NoError(t, rows.Set{"domains": list}.Save(filepath.Join(r.dir, "kept", "rows.json")))
				r.down()
			}
			before, _ := os.ReadFile(filepath.Join(r.dir, "kept", "rows.json"))
			if tc.now != nil {
				r.rows(tc.now...)
			}
			r.start("AGENT_TEST_REHEARSE=1")
			if tc.says == "" {
				assert.Zero(t, r.code(), r.log())
			} else {
				assert.Equal(t, 1, r.code())
				assert.Contains(t, r.log(), tc.says)
			}
			assert.NoFileExists(t, filepath.Join(r.dir, "daemon"), "nothing is started")
			after, _ := os.ReadFile(filepath.Join(r.dir, "kept", "rows.json"))
			assert.Equal(t, string(before), string(after), "nothing is kept")
		})
	}
}

func TestAgent_Rehearse_refused_by_the_database(t *testing.T) {
	t.Parallel()
	r := prepare(t)
	r.write("database.json", `{"error": "column is missing"}`)
	r.start("AGENT_TEST_REHEARSE=1")
	assert.Equal(t, 1, r.code())
	assert.Contains(t, r.log(), "column is missing")
}
