package present_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/present"
	"github.com/poststack/poststack/pkg/secret"
)

// document passes events through a quiet view and returns what it makes of them.
func document(target string, end present.End, events ...event.Event) present.Document {
	view := present.Open(present.Options{
		Mode: present.Quiet, Target: target, Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Getenv: func(string) string {
			return ""
		},
	})
	for _, e := range events {
		view.Handle(e)
	}
	return view.Close(end)
}

// blamingError is an error that has a file to blame.
type blamingError struct{ error }

func (blamingError) Where() (string, int) { return "changelogs/050_a,b.sql", 3 }

func TestView_Close_document(t *testing.T) {
	t.Parallel()
	began := time.Now()
	t.Run("has the phases in the order in which they began", func(t *testing.T) {
		t.Parallel()
		d := document(
			"setup", present.End{Log: "logs/poststack.log"},
			event.Event{Kind: event.PhaseStarted, Phase: "build:postgres", At: began},
			event.Event{Kind: event.PhaseStarted, Phase: "build:liquibase", At: began},
			event.Event{Kind: event.Step, Phase: "build:postgres", At: began.Add(time.Second), Text: "step 1: RUN true"},
			event.Event{Kind: event.Warning, Phase: "build:liquibase", At: began, Text: "no registry answers"},
			event.Event{Kind: event.Notice, At: began, Text: "swept"},
			event.Event{
				Kind: event.PhaseEnded, Phase: "build:liquibase", Outcome: event.Unchanged, Elapsed: time.Second, Text: "same",
			},
			event.Event{
				Kind: event.PhaseEnded, Phase: "build:postgres", Outcome: event.Done,
				Elapsed: 2 * time.Second, Log: "logs/b.log", Data: 7,
			},
			event.Event{Kind: event.Result, Report: &event.Report{Text: "ready", Data: map[string]string{"database": "x"}}},
		)
		assert.Equal(t, present.DocumentVersion, d.Version)
		assert.Equal(t, "setup", d.Target)
		assert.Equal(t, event.Done, d.Outcome)
		assert.Equal(t, "logs/poststack.log", d.Log)
		assert.Equal(t, map[string]string{"database": "x"}, d.Result)
		assert.Equal(t, []present.Phase{
			{
				Name: "build:postgres", Started: began, Seconds: 2, Outcome: event.Done, Log: "logs/b.log", Data: 7,
				Steps: []present.Step{{Started: began.Add(time.Second), Text: "step 1: RUN true"}},
			},
			{
				Name: "build:liquibase", Started: began, Seconds: 1,
				Outcome: event.Unchanged, Text: "same", Steps: []present.Step{},
			},
		}, d.Phases)
		assert.Equal(t, []present.Message{
			{At: began, Kind: event.Warning, Phase: "build:liquibase", Text: "no registry answers"},
			{At: began, Kind: event.Notice, Text: "swept"},
		}, d.Messages)
	})
	t.Run("tells a failure in one line, and the file to blame", func(t *testing.T) {
		t.Parallel()
		err := fmt.Errorf("schema:update: %w", blamingError{errors.New("2 problems\n  - a\n  - b")})
		d := document(
			"setup", present.End{Err: err, Status: 6},
			event.Event{Kind: event.PhaseStarted, Phase: "schema:update"},
			event.Event{
				Kind: event.PhaseEnded, Phase: "schema:update", Outcome: event.Failed, Detail: []string{"more"},
				Place: event.Place{File: "changelogs/050_a,b.sql", Line: 3},
			},
		)
		assert.Equal(t, "schema:update: 2 problems; - a; - b", d.Error)
		assert.Equal(t, event.Failed, d.Outcome)
		assert.Equal(t, 6, d.ExitStatus)
		where := event.Place{File: "changelogs/050_a,b.sql", Line: 3}
		assert.Equal(t, where, d.Place)
		assert.Equal(t, where, d.Phases[0].Place)
		assert.Equal(t, []string{"more"}, d.Phases[0].Detail)
	})
	t.Run("cuts off what an interrupt has cut off", func(t *testing.T) {
		t.Parallel()
		d := document(
			"setup", present.End{Err: errors.New("interrupted by SIGTERM"), Status: 143},
			event.Event{Kind: event.PhaseStarted, Phase: "build:base", At: began.Add(-time.Minute)},
		)
		assert.Equal(t, event.Cancelled, d.Outcome)
		assert.Equal(t, event.Cancelled, d.Phases[0].Outcome)
		assert.GreaterOrEqual(t, d.Phases[0].Seconds, 60.0)
	})
	for _, tc := range []struct {
		name   string
		phases map[string]event.Outcome
		want   event.Outcome
	}{
		{"nothing was changed where nothing had a phase", nil, event.Unchanged},
		{
			"the target's own phase counts",
			map[string]event.Outcome{"verify:db": event.Passed, "db:start": event.Unchanged},
			event.Passed,
		},
		{
			"unless another one changed something",
			map[string]event.Outcome{"verify:db": event.Passed, "db:start": event.Done},
			event.Done,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var events []event.Event
			for phase, outcome := range tc.phases {
				events = append(events, event.Event{Kind: event.PhaseStarted, Phase: phase},
					event.Event{Kind: event.PhaseEnded, Phase: phase, Outcome: outcome})
			}
			assert.Equal(t, tc.want, document("verify:db", present.End{}, events...).Outcome)
		})
	}
	t.Run("a result without a value is its text", func(t *testing.T) {
		t.Parallel()
		d := document(
			"logs", present.End{},
			event.Event{Kind: event.Result, Report: &event.Report{Text: "one"}},
			event.Event{Kind: event.Result, Report: &event.Report{Text: "two"}},
		)
		assert.Equal(t, "one\ntwo", d.Result)
	})
}

func TestDocument_Keep(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "logs", "last-setup.json")
	secrets := &secret.Set{}
	secrets.Add(`p"ss,word`, "version", `,"`)
	d := document("setup", present.End{}, event.Event{Kind: event.Result, Report: &event.Report{Data: map[string]string{
		"url": `postgres://app:p"ss,word@h/d`, "plain": "a version\tof <it>", "list": `a,"b`, "backslash": `c:\`,
	}}})
	for range 2 { // the second time there is one already
		require.NoError(t, d.Keep(path, secrets))
	}

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	var got present.Document
	require.NoError(t, json.Unmarshal(text, &got), "whatever the secrets are, it is JSON: %s", text)
	assert.Equal(t, present.DocumentVersion, got.Version, "names and numbers stay")
	assert.Equal(t, map[string]any{
		"url": "postgres://app:[redacted]@h/d", "plain": "a [redacted]\tof <it>", "list": "a[redacted]b", "backslash": `c:\`,
	}, got.Result)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary file stays")

	require.Error(t, d.Keep(filepath.Join(path, "below a file"), secrets))
}
