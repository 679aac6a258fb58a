package stack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/interrupt"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
)

func TestExitStatus(t *testing.T) {
	t.Parallel()
	in := func(class stack.Class, err error) error { return &stack.PhaseError{Phase: "x", Class: class, Err: err} }
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"success":                              {nil, 0},
		"anything":                             {errors.New("x"), 1},
		"configuration":                        {fmt.Errorf("load: %w", &config.Error{}), 2},
		"usage":                                {&stack.UsageError{Reason: "x"}, 2},
		"usage in a phase":                     {in(stack.Database, &stack.UsageError{Reason: "x"}), 2},
		"no engine in a phase":                 {in(stack.BuildWork, &engine.UnusableError{}), 3},
		"a build":                              {in(stack.BuildWork, errors.New("x")), 4},
		"the database, wrapped":                {fmt.Errorf("run: %w", in(stack.Database, errors.New("x"))), 5},
		"the schema":                           {in(stack.SchemaWork, errors.New("x")), 6},
		"the schema, joined with its clean-up": {errors.Join(in(stack.SchemaWork, errors.New("x")), errors.New("y")), 6},
		"SIGINT":                               {&interrupt.Error{Signal: syscall.SIGINT}, 130},
		"SIGTERM in a phase":                   {in(stack.BuildWork, &interrupt.Error{Signal: syscall.SIGTERM}), 143},
		"SIGHUP":                               {&interrupt.Error{Signal: syscall.SIGHUP}, 129},
		"a cancellation of nobody's":           {context.Canceled, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, stack.ExitStatus(tc.err))
		})
	}
}

func TestOpen_in_a_context_that_mage_cancels(t *testing.T) {
	t.Parallel()
	mage, cancel := context.WithCancel(t.Context())
	s, ctx := stack.Open(mage, stack.Options{Secrets: &secret.Set{}})
	cancel()
	<-ctx.Done()
	assert.Equal(t, &interrupt.Error{Signal: syscall.SIGINT}, context.Cause(ctx))
	assert.NoError(t, s.Close(nil))
}

func TestPhaseError(t *testing.T) {
	t.Parallel()
	cause := errors.New("first line\nsecond line")
	err := &stack.PhaseError{Phase: "build:base", Err: cause}
	assert.EqualError(t, err, "build:base: first line")
	assert.ErrorIs(t, err, cause)
	err.Log = "logs/x.log"
	assert.EqualError(t, err, "build:base: first line (log: logs/x.log)")
}

// TestOpen_signals is not parallel: every open stack hears a signal.
func TestOpen_signals(t *testing.T) { //nolint:paralleltest // as said
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		t.Run(sig.String()+" ends the run, and a phase says that it was cancelled", func(t *testing.T) {
			b := newBench(t)
			j := &journal{}
			s, ctx := b.openWith(t, j)
			require.NoError(t, syscall.Kill(os.Getpid(), sig))
			<-ctx.Done()
			err := s.Close(s.StartDatabase(ctx))
			assert.Equal(t, &interrupt.Error{Signal: sig}, err)
			assert.Equal(t, 128+int(sig), stack.ExitStatus(err))
			assert.Equal(t, event.Cancelled, j.last(t, event.PhaseEnded).Outcome)
		})
	}
}

func TestStack_events_of_a_phase(t *testing.T) {
	t.Parallel()
	t.Run("a failure has its first line as text, the rest as details, and the log", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		b.engine.OnCall = func(method, _ string) error {
			if method == "ContainerInspect" {
				return errors.New("ask engine: no\nmore\nof it")
			}
			return nil
		}
		j, err := b.phase(t, (*stack.Stack).StartDatabase)
		require.Error(t, err)
		require.Len(t, j.events, 2)
		assert.Equal(t, event.PhaseStarted, j.events[0].Kind)
		end := j.events[1]
		assert.Equal(t, event.PhaseEnded, end.Kind)
		assert.Equal(t, event.Failed, end.Outcome)
		assert.Equal(t, "ask engine: no", end.Text)
		assert.Equal(t, []string{"more", "of it"}, end.Detail)
		assert.Positive(t, end.Elapsed)
		assert.Equal(t, "db:start", end.Phase)
	})
	t.Run("secrets are in no event", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		write(t, b.state(t, "password"), "s3cr3t-pw")
		b.engine.OnCall = func(method, _ string) error {
			if method == "ContainerCreate" {
				return errors.New("create: PASSWORD 's3cr3t-pw'\nthe rest s3cr3t-pw")
			}
			return nil
		}
		j, err := b.phase(t, (*stack.Stack).StartDatabase)
		require.Error(t, err)
		end := j.last(t, event.PhaseEnded)
		assert.Equal(t, "create: PASSWORD '[redacted]'", end.Text)
		assert.Equal(t, []string{"the rest [redacted]"}, end.Detail)
		assert.NotContains(t, err.Error(), "s3cr3t-pw", "mage prints the error itself")
	})
	t.Run("what could not be cleaned up is told also when the run was cancelled", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		j := &journal{}
		s, ctx := b.openWith(t, j)
		cause := errors.New("another phase failed")
		b.engine.OnCall = func(method, _ string) error {
			switch method {
			case "ContainerStart":
				_ = s.Fail(cause)
				return context.Canceled
			case "ContainerRemove":
				return errors.New("remove container \"x\": stuck")
			}
			return nil
		}
		assert.Equal(t, cause, s.Close(s.StartDatabase(ctx)))
		end := j.last(t, event.PhaseEnded)
		assert.Equal(t, event.Cancelled, end.Outcome)
		assert.Equal(t, []string{`remove container "x": stuck`}, j.texts(event.Warning))
	})
	t.Run("without a sink everything works", func(t *testing.T) {
		t.Parallel()
		s, ctx := stack.Open(t.Context(), stack.Options{Config: newBench(t).config})
		assert.NoError(t, s.ShowConfig(ctx))
		assert.NoError(t, s.Close(nil))
	})
}

func TestStack_lock(t *testing.T) {
	t.Parallel()
	t.Run("a second run waits, says for whom, and goes on", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		serve(t, b.engine)
		first, ctx := b.openWith(t, &journal{})
		require.NoError(t, first.StartDatabase(ctx))

		waits := make(chan string, 1)
		j := &journal{on: func(e event.Event) {
			if e.Kind == event.Notice {
				waits <- e.Text
			}
		}}
		second, ctx := b.openWith(t, j)
		done := make(chan error, 1)
		go func() { done <- second.StartDatabase(ctx) }()
		said := <-waits
		assert.Contains(t, said, fmt.Sprintf("waiting for process %d (", os.Getpid()))
		assert.Contains(t, said, `which works on stack "s"`)
		select {
		case err := <-done:
			require.Fail(t, "it did not wait", err)
		default:
		}
		require.NoError(t, first.Close(nil))
		require.NoError(t, <-done)
		require.NoError(t, second.Close(nil))
		assert.NoFileExists(t, b.state(t, "lock.holder"))
		assert.FileExists(t, b.state(t, "lock"))
	})
	t.Run("waiting ends when the run does", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.config.Database.URL = "postgres://app@db.example/mail"
		first, ctx := b.openWith(t, &journal{})
		require.NoError(t, first.StartDatabase(ctx))
		require.NoError(t, os.Remove(b.state(t, "lock.holder")))

		cause := errors.New("told to end")
		var second *stack.Stack
		j := &journal{}
		j.on = func(e event.Event) {
			if e.Kind == event.Notice {
				_ = second.Fail(cause)
			}
		}
		second, ctx = b.openWith(t, j)
		assert.Equal(t, cause, second.Close(second.StartDatabase(ctx)))
		assert.Contains(t, j.texts(event.Notice)[0], "waiting for another run", "who it is was not told")
		assert.Equal(t, event.Cancelled, j.last(t, event.PhaseEnded).Outcome)
		require.NoError(t, first.Close(nil))
		assert.NoFileExists(t, b.state(t, "lock.holder"))
	})
	t.Run("a holder that has only just taken it is named all the same", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.config.Database.URL = "postgres://app@db.example/mail"
		first, ctx := b.openWith(t, &journal{})
		require.NoError(t, first.StartDatabase(ctx))
		holder := b.state(t, "lock.holder")
		require.NoError(t, os.Remove(holder))

		var second *stack.Stack
		j := &journal{}
		j.on = func(e event.Event) {
			switch e.Kind {
			case event.PhaseStarted: // it tells who it is after the other has looked for the first time
				time.AfterFunc(100*time.Millisecond, func() { _ = os.WriteFile(holder, []byte("process 4711 (setup)"), 0o600) })
			case event.Notice:
				_ = second.Fail(errors.New("told to end"))
			}
		}
		second, ctx = b.openWith(t, j)
		require.Error(t, second.Close(second.StartDatabase(ctx)))
		assert.Contains(t, j.texts(event.Notice)[0], "waiting for process 4711 (setup)")
		require.NoError(t, first.Close(nil))
	})
	t.Run("on a full disk nobody is told who it is", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.config.Database.URL = "postgres://app@db.example/mail"
		require.NoError(t, os.MkdirAll(b.config.StateDir, 0o700))
		require.NoError(t, os.Symlink("/dev/full", b.state(t, "lock.holder")))
		s, ctx, _ := b.open(t)
		require.NoError(t, s.StartDatabase(ctx), "what makes room must not fail for that")
	})
	t.Run("phases of one run share it", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.config.Database.URL = "postgres://app@db.example/mail"
		s, ctx, j := b.open(t)
		require.NoError(t, s.StartDatabase(ctx))
		require.NoError(t, s.StartDatabase(ctx))
		assert.Empty(t, j.texts(event.Notice))
	})
	t.Run("a state directory that cannot be made is named", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		file := filepath.Join(t.TempDir(), "file")
		write(t, file, "")
		b.config.StateDir = filepath.Join(file, "s")
		_, err := b.phase(t, (*stack.Stack).StartDatabase)
		assert.ErrorContains(t, err, "create state directory: mkdir "+file)
	})
}

// TestStack_sweep_in_a_run_that_has_ended has the run fail while what killed runs have left is looked for.
func TestStack_sweep_in_a_run_that_has_ended(t *testing.T) {
	t.Parallel()
	for ended, want := range map[bool]int{true: 0, false: 1} {
		b := newBench(t)
		s, ctx, j := b.open(t)
		b.engine.OnCall = func(method, _ string) error {
			if method != "ContainerList" {
				return nil
			}
			if ended {
				_ = s.Fail(errors.New("another part has failed"))
			}
			return assert.AnError
		}
		stack.Sweep(s, ctx, b.engine)
		warned := 0
		for _, text := range j.texts(event.Warning) {
			if strings.Contains(text, "sweep leftovers") {
				warned++
			}
		}
		assert.Equal(t, want, warned, "ended: %v", ended)
	}
}
