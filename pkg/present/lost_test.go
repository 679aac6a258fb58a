package present_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/present"
)

// broken is a stdout that cannot be written.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestView_lost(t *testing.T) {
	t.Parallel()
	for _, mode := range []present.Mode{present.Plain, present.JSON, present.GitHub, present.Quiet} {
		for err, fails := range map[error]bool{syscall.ENOSPC: true, errors.New("broken"): true, syscall.EPIPE: false} {
			view := present.Open(present.Options{
				Mode: mode, Stdout: broken{err}, Stderr: &bytes.Buffer{}, Getenv: func(string) string { return "" },
			})
			view.Handle(event.Event{Kind: event.Result, Report: &event.Report{Text: "postgres://…"}})
			view.Close(present.End{})
			if fails {
				assert.ErrorIs(t, view.Lost(), err, "%s: what was asked for did not arrive", mode)
			} else {
				assert.NoError(t, view.Lost(), "%s: the reader has what it wanted", mode)
			}
		}
	}
}

func TestView_reader_gone(t *testing.T) {
	t.Parallel()
	view := present.Open(present.Options{
		Mode: present.Plain, Stdout: broken{syscall.EPIPE},
		Stderr: &bytes.Buffer{}, Getenv: func(string) string { return "" },
	})
	told := 0
	view.OnGone(func() { told++ })
	view.Handle(event.Event{Kind: event.Step, Text: "work goes on without a reader"})
	assert.Zero(t, told)
	view.Handle(event.Event{Kind: event.Output, Text: "a line of a log that is followed"})
	assert.Equal(t, 1, told)
	view.Close(present.End{})
}

func TestView_reader_gone_before_the_next_line(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer writer.Close()
	view := present.Open(present.Options{
		Mode: present.Plain, Stdout: writer, Stderr: &bytes.Buffer{}, Getenv: func(string) string { return "" },
	})
	told := make(chan struct{})
	view.OnGone(func() { close(told) })
	view.Handle(event.Event{Kind: event.Output, Text: "the last line for hours"})
	select {
	case <-told:
		require.Fail(t, "somebody reads")
	case <-time.After(500 * time.Millisecond):
	}
	require.NoError(t, reader.Close())
	select {
	case <-told:
	case <-time.After(time.Minute):
		require.Fail(t, "nobody reads")
	}
	view.Close(present.End{})
}

func TestView_table_without_rows(t *testing.T) {
	t.Parallel()
	stdout, _ := show(t, present.Plain, 0,
		event.Event{Kind: event.Result, Report: &event.Report{Text: "schema: unknown", Header: []string{"file", "state"}}})
	assert.Equal(t, "schema: unknown\n", stdout)
}

func TestView_failure_is_told_once(t *testing.T) {
	t.Parallel()
	for _, mode := range []present.Mode{present.Plain, present.GitHub, present.Quiet} {
		var stderr bytes.Buffer
		view := present.Open(present.Options{Mode: mode, Stdout: &stderr, Stderr: &stderr, Getenv: func(string) string {
			return ""
		}})
		logger := newLogger(view)
		view.Attach(logger)
		for _, e := range []event.Event{
			{Kind: event.PhaseStarted, Phase: "build:base"},
			{Kind: event.PhaseEnded, Phase: "build:base", Outcome: event.Unchanged},
			{Kind: event.PhaseStarted, Phase: "schema:update"},
			{
				Kind: event.PhaseEnded, Phase: "schema:update", Outcome: event.Failed,
				Text: "relation missing", Detail: []string{"nothing was changed"}, Log: "logs/x.log",
			},
		} {
			view.Handle(e)
		}
		view.Close(present.End{Err: errors.New("schema:update: relation missing (log: logs/x.log)"), Status: 6})
		for _, text := range []string{"relation missing", "nothing was changed"} {
			assert.Equal(t, 1, strings.Count(stderr.String(), text), "%s: mage's line follows; %q in\n%s", mode, text, &stderr)
		}
	}
}
