package stack_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

func logs(o stack.LogsOptions) func(*stack.Stack, context.Context) error {
	return func(s *stack.Stack, ctx context.Context) error { return s.ShowLogs(ctx, o) }
}

// log puts a log file into the checkout.
func (b *bench) log(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(b.config.Root, "logs", filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	write(t, path, text)
	return path
}

func TestShowLogs_files(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.phase(t, logs(stack.LogsOptions{}))
	require.EqualError(t, err, "logs: nothing has a log yet: run mage setup")
	assert.Equal(t, int(stack.Usage), stack.ExitStatus(err))

	write(t, b.state(t, "password"), "very-secret")
	b.log(t, "poststack_20260101T000000Z.log", "old\n")
	b.log(t, "poststack_20260102T000000Z.log", "one\ntwo\nthe password is very-secret\n")
	b.log(t, "containers/base-debian_build_20260101T000000Z.log", "base\n")
	b.log(t, "containers/extra_build_20260103T000000Z.log", "extra\n")
	b.log(t, "database/liquibase_update_20260101T000000Z.log", "update\n")
	b.log(t, "database/liquibase_status_20260105T000000Z.log", "status\n")

	for _, tc := range []struct {
		name string
		o    stack.LogsOptions
		want []string
	}{
		{"without a container, the last run", stack.LogsOptions{}, []string{"one", "two", "the password is [redacted]"}},
		{"the last lines", stack.LogsOptions{Of: "run", Last: 2}, []string{"two", "the password is [redacted]"}},
		{"a build", stack.LogsOptions{Of: "build:extra"}, []string{"extra"}},
		{"the beginning of a name", stack.LogsOptions{Of: "build:base"}, []string{"base"}},
		{"the newest of several", stack.LogsOptions{Of: "build"}, []string{"extra"}},
		{"an operation", stack.LogsOptions{Of: "liquibase:update"}, []string{"update"}},
		{"the newest operation", stack.LogsOptions{Of: "liquibase"}, []string{"status"}},
	} {
		journal, err := b.phase(t, logs(tc.o))
		require.NoError(t, err, tc.name)
		assert.Equal(t, tc.want, journal.texts(event.Output), tc.name)
		report, ok := journal.last(t, event.Result).Report.Data.(stack.LogsReport)
		require.True(t, ok)
		assert.Equal(t, tc.want, report.Lines, "%s, for machines", tc.name)
	}

	_, err = b.phase(t, logs(stack.LogsOptions{Of: "nginx"}))
	require.EqualError(t, err, `logs: there is no log of "nginx"; there are those of: build:base-debian, build:extra, `+
		`liquibase:status, liquibase:update, run`)
	_, err = b.phase(t, logs(stack.LogsOptions{Last: -1}))
	assert.Equal(t, int(stack.Usage), stack.ExitStatus(err))
	b.config.Output = "json"
	_, err = b.phase(t, logs(stack.LogsOptions{Follow: true}))
	require.ErrorContains(t, err, "-follow has no end")
}

func TestShowLogs_follows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.log(t, "containers/extra_build_20260103T000000Z.log", "first\nsec")
	seen := make(chan string, 10)
	s, ctx := b.openWith(t, &journal{on: func(e event.Event) {
		if e.Kind == event.Output {
			seen <- e.Text
		}
	}})
	done := make(chan error, 1)
	go func() { done <- s.ShowLogs(ctx, stack.LogsOptions{Of: "build:extra", Follow: true}) }()
	assert.Equal(t, "first", <-seen)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString("ond\nthird\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	assert.Equal(t, "second", <-seen, "a line is shown when it is whole")
	assert.Equal(t, "third", <-seen)
	cause := assert.AnError
	require.ErrorIs(t, s.Fail(cause), cause)
	require.ErrorIs(t, <-done, cause, "it ends with the run")
	require.NoError(t, s.Close(nil))
}

func TestShowLogs_container(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.runningServer(t)
	b.log(t, "poststack_20260102T000000Z.log", "a run\n")
	journal, err := b.phase(t, logs(stack.LogsOptions{Last: 5}))
	require.NoError(t, err)
	report, ok := journal.last(t, event.Result).Report.Data.(stack.LogsReport)
	require.True(t, ok)
	assert.Equal(t, "postgres", report.Of, "the database's container goes before the runs")
	assert.Equal(t, containerName, report.From)
}
