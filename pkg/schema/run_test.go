package schema_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/schema"
)

// recorded plays what the launcher has really printed.
type recorded struct {
	name string
	out  schema.Output
	err  error
}

// Run sends the events of the file.
func (r recorded) Run(_ context.Context, in schema.Invocation) (schema.Output, error) {
	text, err := os.ReadFile(filepath.Join("testdata", r.name+".jsonl"))
	if err != nil {
		return schema.Output{}, err
	}
	for line := range bytes.Lines(text) {
		var e schema.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return schema.Output{}, err
		}
		in.OnEvent(e)
	}
	return r.out, r.err
}

// played is where the changelog stands that the recordings were made with.
func played() *schema.Changelog {
	return &schema.Changelog{Dir: "changelogs", Root: schema.DefaultRoot}
}

func names(list []schema.Applied) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.Changeset + " " + a.Type + ";")
	}
	return b.String()
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"update": "3 EXECUTED;4 EXECUTED;", "rollback": "4 ROLLED_BACK;3 ROLLED_BACK;",
	} {
		var steps []string
		m := schema.New(schema.Options{
			Liquibase: recorded{name: name},
			Report:    event.Sink(func(e event.Event) { steps = append(steps, e.Text) }).For("schema:update"),
		})
		result, err := m.Execute(t.Context(), schema.OpUpdate, played(), schema.Invocation{Command: schema.CmdUpdate})
		require.NoError(t, err)
		assert.Equal(t, want, names(result.Applied))
		assert.InDelta(t, 0.014, result.Applied[0].Seconds, 1e-9)
		assert.Contains(t, steps, "001.sql 4")
	}
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	failed := schema.Output{Code: 1}
	for name, tc := range map[string]struct {
		play recorded
		kind schema.Kind
		text string
		hint string
	}{
		"a failing changeset": {
			recorded{"partial", failed, nil},
			schema.FailedChangeset,
			`changelogs/parts/001.sql:18: changeset "4" of ops: ERROR: syntax error at or near "oops"`, "",
		},
		"an edited changeset": {
			recorded{"edited", failed, nil},
			schema.Edited,
			`changelogs/parts/001.sql:3: changeset "1" of ops: it was changed after it had been applied: checksum was ` +
				`9:bc977861bd4473eb06a874429a50b8f6 but is now 9:7fb4de2585e059ba900d3f600e88f1aa`,
			"new changeset",
		},
		"an unreadable changelog": {
			recorded{"changelog", failed, nil},
			schema.BadChangelog,
			"changelogs/bad.yaml: The file nope.xml was not found in the configured search path: - /liquibase/run/changelog " +
				"More locations can be added with the 'searchPath' parameter.",
			"",
		},
		"no database": {
			recorded{"database", failed, nil}, schema.Connection, `the server has no database "" (SQLSTATE 3D000)`, "create it",
		},
		"a changeset that leaves another role": {
			recorded{"role", failed, nil},
			schema.FailedChangeset,
			`changelogs/parts/001.sql:2: changeset "1" of ops: after it had run: ERROR: permission denied for table ` +
				`databasechangelog (SQLSTATE 42501)`,
			"reset role",
		},
		"a lock": {
			recorded{"lock", failed, nil},
			schema.Busy,
			"Could not acquire change log lock. Currently locked by gone (192.0.2.9) since 1/2/26, 3:04 AM", "",
		},
		"no rollback": {
			recorded{"norollback", failed, nil},
			schema.FailedChangeset,
			`changelogs/parts/001.sql:15: changeset "4" of ops: Liquibase does not support automatic rollback generation for ` +
				`raw sql changes (did you mean to specify keyword "empty" to ignore rolling back this change?)`,
			"",
		},
		"killed": {
			recorded{"status", schema.Output{Code: 137, Last: "INFO Reading"}, nil},
			schema.Crashed,
			"Liquibase ended with status 137: INFO Reading", "killed from outside",
		},
		"killed before the end": {
			recorded{"update", schema.Output{Code: 137}, nil},
			schema.Crashed,
			"Liquibase ended with status 137: it printed nothing", "",
		},
		"an engine that fails": {
			recorded{"status", schema.Output{}, errors.New("no room\nat all")}, schema.Crashed, "no room", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := schema.New(schema.Options{Liquibase: tc.play})
			_, err := m.Execute(t.Context(), schema.OpUpdate, played(), schema.Invocation{Command: schema.CmdUpdate})
			var failed *schema.Error
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, tc.text, failed.Error())
			assert.Equal(t, tc.kind, failed.Kind)
			assert.Contains(t, failed.Hint, tc.hint)
			assert.NotContains(t, strings.Join(failed.Details(), " "), "database is", "nobody has asked")
		})
	}
}

func TestRun_what_became_of_the_database(t *testing.T) {
	t.Parallel()
	two := 2
	partly := &schema.Partly{File: "a.sql", ID: "3", Author: "ops", Ran: &two, Indexes: "a_id"}
	applied := []schema.Applied{{File: "a.sql", Changeset: "1"}}
	for name, tc := range map[string]struct {
		outcome schema.Outcome
		want    []string
	}{
		"it was not told to go": {schema.Outcome{}, []string{"Nothing was run."}},
		"it was rolled back": {
			schema.Outcome{Asked: true, Undone: true}, []string{"Nothing was changed: the database is as it was."},
		},
		"nothing is recorded": {
			schema.Outcome{Asked: true}, []string{"No changeset of this run is recorded in the database."},
		},
		"nobody could ask": {
			schema.Outcome{Reason: "no route"},
			[]string{"What became of the database is not known: no route. Ask with: mage schema:status"},
		},
		"it ended without a word": {schema.Outcome{Asked: true, Unsure: "3 (ops)"}, []string{
			"No changeset of this run is recorded in the database.",
			"Changeset 3 (ops) ran when Liquibase ended: whether it has committed anything by itself is not known.",
		}},
		"what is recorded stays": {
			schema.Outcome{Asked: true, Undone: true, Applied: applied}, []string{"These changesets stay applied:", "  a.sql 1"},
		},
		"a changeset ended the transaction": {
			schema.Outcome{Asked: true, Ended: true, Applied: applied},
			[]string{
				`Changeset 4 is partly applied: what it did before it ended the transaction stays, and is not recorded.`,
				"These changesets stay applied:", "  a.sql 1",
			},
		},
		"one outside the transaction": {
			schema.Outcome{Asked: true, Partly: partly},
			[]string{"Changeset 3 (ops) of a.sql is partly applied: the first 2 of its statements have run and stay; it left " +
				"the invalid index a_id."},
		},
	} {
		failed := &schema.Error{Changeset: "4", Outcome: &tc.outcome}
		assert.Equal(t, tc.want, failed.Details(), name)
	}
}

// TestRunCancelled: the cause is what the caller gave, not what the engine made of it.
func TestRunCancelled(t *testing.T) {
	t.Parallel()
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	_, err := schema.New(schema.Options{Liquibase: recorded{"status", schema.Output{}, context.Canceled}}).
		Execute(ctx, schema.OpUpdate, played(), schema.Invocation{Command: schema.CmdUpdate})
	require.ErrorIs(t, err, reason)
}
