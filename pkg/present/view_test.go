package present_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/present"
)

// show passes events through a view that writes to buffers, and returns what stands there afterwards.
func show(t *testing.T, mode present.Mode, level logrus.Level, events ...event.Event) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	view := present.Open(present.Options{Mode: mode, Stdout: &out, Stderr: &err, Getenv: func(string) string {
		return ""
	}})
	logger := newLogger(view)
	logger.SetLevel(level)
	view.Attach(logger)
	for _, e := range events {
		view.Handle(e)
	}
	view.Close(present.End{})
	return out.String(), err.String()
}

// newLogger is a logger that writes to the view's console.
func newLogger(view *present.View) *logrus.Logger {
	logger := logrus.New()
	logger.SetOutput(view.Console())
	return logger
}

// setup is the events of a short run.
func setup() []event.Event {
	return []event.Event{
		{Kind: event.PhaseStarted, Phase: "build:base"},
		{Kind: event.Step, Phase: "build:base", Text: "staging the context"},
		{
			Kind: event.PhaseEnded, Phase: "build:base", Outcome: event.Unchanged,
			Elapsed: 12 * time.Millisecond, Text: "same inputs",
		},
		{Kind: event.Warning, Phase: "verify:db", Text: "the server is old"},
		{Kind: event.PhaseEnded, Phase: "verify:db", Outcome: event.Done, Elapsed: 1300 * time.Millisecond},
		{Kind: event.Result, Report: &event.Report{Text: "ready"}},
	}
}

func TestView_plain(t *testing.T) {
	t.Parallel()
	stdout, stderr := show(t, present.Auto, logrus.InfoLevel, setup()...)

	assert.Equal(t, "ready\n", stdout, "stdout holds the result and nothing else")
	for _, want := range []string{
		"staging the context", "unchanged in 12ms", "same inputs", "the server is old", "done in 1.3s",
	} {
		assert.Contains(t, stderr, want)
	}
	assert.NotContains(t, stderr, "\x1b", "no escape sequences outside a terminal")
	table := stderr[strings.Index(stderr, "result"):]
	assert.Less(t, strings.Index(table, "build:base"), strings.Index(table, "verify:db"),
		"the closing table is in the order of the phases")
}

func TestView_quiet(t *testing.T) {
	t.Parallel()
	events := append(setup(), event.Event{
		Kind: event.PhaseEnded, Phase: "schema:update", Outcome: event.Failed, Text: "no", Detail: []string{"line one"},
	})
	stdout, stderr := show(t, present.Quiet, logrus.InfoLevel, events...)

	assert.Equal(t, "ready\n", stdout)
	assert.NotContains(t, stderr, "staging")
	assert.NotContains(t, stderr, "result", "no closing table")
	for _, want := range []string{"the server is old", "line one", "failed"} {
		assert.Contains(t, stderr, want)
	}
}

func TestView_log_level(t *testing.T) {
	t.Parallel()
	_, stderr := show(t, present.Plain, logrus.WarnLevel, setup()[:5]...)
	assert.NotContains(t, stderr, "staging")
	assert.Contains(t, stderr, "the server is old")
}

func TestView_table(t *testing.T) {
	t.Parallel()
	stdout, _ := show(t, present.Plain, logrus.InfoLevel, event.Event{Kind: event.Result, Report: &event.Report{
		Header: []string{"image", "size"}, Rows: [][]string{{"postgres", "400 MB"}, {"größe", "1 MB"}},
	}})
	lines := strings.Split(strings.TrimRight(stdout, "\n"), "\n")
	assert.Len(t, lines, 4, "header, rule, two rows")
	assert.Contains(t, lines[0], "image")
	assert.Equal(t, " postgres  400 MB", lines[2])
	assert.Equal(t, " größe     1 MB", lines[3], "columns line up, whatever the letters, and end with what is in them")
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		1400 * time.Microsecond: "1ms", 999 * time.Millisecond: "999ms", 1250 * time.Millisecond: "1.2s",
		59 * time.Second: "59.0s", 125 * time.Second: "2m05s",
	} {
		assert.Equal(t, want, present.Duration(d))
	}
}
