package targets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/interrupt"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
)

// journal notes in which order pieces of work ran.
type journal struct {
	mu  sync.Mutex
	ran []string
}

func (j *journal) note(name string) work {
	return func(*stack.Stack, context.Context) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.ran = append(j.ran, name)
		return nil
	}
}

// opened is a context with an open stack, as the target named on the command line hands it down.
func opened(t *testing.T, cfg config.Config) context.Context {
	t.Helper()
	s, ctx := stack.Open(t.Context(), stack.Options{Config: cfg, Secrets: &secret.Set{}})
	t.Cleanup(func() { assert.NoError(t, s.Close(nil)) })
	_, ctx = newSession(ctx, s)
	return ctx
}

// failing is work that fails the way a phase of that class does.
func failing(class stack.Class, text string) work {
	return func(*stack.Stack, context.Context) error {
		return &stack.PhaseError{Phase: text, Class: class, Err: errors.New(text)}
	}
}

// exitStatus is what mage would exit with: it asks the outermost error only.
func exitStatus(err error) int {
	if e, ok := err.(interface{ ExitStatus() int }); ok {
		return e.ExitStatus()
	}
	return 1
}

func TestPhase_order(t *testing.T) {
	t.Parallel()
	var j journal
	base := func(ctx context.Context) error { return phase(ctx, j.note("base")) }
	left := func(ctx context.Context) error { return phase(ctx, j.note("left"), base) }
	right := func(ctx context.Context) error { return phase(ctx, j.note("right"), base) }

	require.NoError(t, phase(opened(t, config.Config{}), j.note("top"), left, right))

	require.Len(t, j.ran, 4, "each piece of work once")
	assert.Equal(t, "base", j.ran[0], "what is needed runs first")
	assert.ElementsMatch(t, []string{"left", "right"}, j.ran[1:3])
	assert.Equal(t, "top", j.ran[3])
}

func TestPhase_before(t *testing.T) {
	t.Parallel()
	var j journal
	need := func(ctx context.Context) error { return phase(ctx, j.note("need")) }
	require.NoError(t, phase(opened(t, config.Config{}), j.note("top"), need, before(j.note("check"))))
	assert.Equal(t, []string{"check", "need", "top"}, j.ran)

	j.ran = nil
	err := phase(opened(t, config.Config{}), j.note("top"), before(failing(stack.Usage, "check")), need)
	assert.Equal(t, 2, exitStatus(err))
	assert.Empty(t, j.ran, "nothing is begun that would be in vain")
}

func TestPhase_failure(t *testing.T) {
	t.Parallel()
	var j journal
	base := func(ctx context.Context) error { return phase(ctx, failing(stack.BuildWork, "no base")) }
	left := func(ctx context.Context) error { return phase(ctx, j.note("left"), base) }
	right := func(ctx context.Context) error { return phase(ctx, j.note("right"), base) }

	err := phase(opened(t, config.Config{}), j.note("top"), left, right)

	require.Error(t, err)
	assert.Empty(t, j.ran, "nothing that needs the failed work runs")
	assert.Equal(t, "no base: no base", err.Error(), "one failure is told once, though two paths lead to it")
	assert.Equal(t, 4, exitStatus(err))
}

func TestPhase_failure_cancels_what_runs_beside_it(t *testing.T) {
	t.Parallel()
	waiting := make(chan struct{})
	left := func(ctx context.Context) error {
		return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
			<-waiting
			return failing(stack.SchemaWork, "left")(s, ctx)
		})
	}
	right := func(ctx context.Context) error {
		return phase(ctx, func(_ *stack.Stack, ctx context.Context) error {
			close(waiting)
			<-ctx.Done()
			return &stack.PhaseError{Phase: "right", Class: stack.Database, Err: context.Cause(ctx)}
		})
	}

	err := phase(opened(t, config.Config{}), failing(stack.Unexpected, "top"), left, right)

	assert.Equal(t, 6, exitStatus(err), "the first failure counts, not what it cancelled")
	assert.ErrorContains(t, err, "left")
}

func TestPhase_panic(t *testing.T) {
	t.Parallel()
	panics := func(*stack.Stack, context.Context) error { panic("out of cheese") }
	for name, need := range map[string]any{
		"of a function":       func(context.Context) error { panic("out of cheese") },
		"of a piece of work":  func(ctx context.Context) error { return phase(ctx, panics) },
		"of a need of a need": func(ctx context.Context) error { return phase(ctx, panics, func(context.Context) {}) },
	} {
		t.Run(name+" that two share is a failure of both", func(t *testing.T) {
			t.Parallel()
			var j journal
			left := func(ctx context.Context) error { return phase(ctx, j.note("left"), need) }
			right := func(ctx context.Context) error { return phase(ctx, j.note("right"), need) }

			ctx := opened(t, config.Config{})
			err := phase(ctx, j.note("top"), left, right)

			assert.ErrorContains(t, err, "out of cheese")
			assert.ErrorContains(t, err, "please report it")
			assert.Equal(t, 1, exitStatus(err))
			assert.Empty(t, j.ran, "nothing that needs it runs")
			require.Error(t, phase(ctx, j.note("later"), need), "it does not count as done for whoever comes later")
		})
	}
	t.Run("of the target itself is told, too", func(t *testing.T) {
		t.Parallel()
		err := phase(opened(t, config.Config{}), panics)
		assert.ErrorContains(t, err, "out of cheese")
		assert.Equal(t, 1, exitStatus(err))
	})
}

func TestPhase_several_targets_in_one_process(t *testing.T) {
	t.Parallel()
	var j journal
	base := func(ctx context.Context) error { return phase(ctx, j.note("base")) }
	left := func(ctx context.Context) error { return phase(ctx, j.note("left"), base) }
	right := func(ctx context.Context) error { return phase(ctx, j.note("right"), own(base)) }
	top := func(ctx context.Context) error { return phase(ctx, j.note("top"), left, right) }

	// as mage runs those that are named on the command line: one after the other, each with a session of its own
	for range 3 {
		j.ran = nil
		require.NoError(t, top(opened(t, config.Config{})))
		assert.Len(t, j.ran, 4, "each need once, and again for each target that was named")
		assert.Equal(t, "base", j.ran[0])
	}
	var external config.Config
	external.Database.URL = "postgres://u:p@h/d"
	j.ran = nil
	require.NoError(t, right(opened(t, external)))
	assert.Equal(t, []string{"right"}, j.ran)
}

func TestOwn(t *testing.T) {
	t.Parallel()
	t.Run("with a database of our own the need runs", func(t *testing.T) {
		t.Parallel()
		var j journal
		need := func(ctx context.Context) error { return phase(ctx, j.note("need")) }
		require.NoError(t, phase(opened(t, config.Config{}), j.note("top"), own(need)))
		assert.Equal(t, []string{"need", "top"}, j.ran)
	})
	t.Run("with DATABASE_URL set it does not", func(t *testing.T) {
		t.Parallel()
		var j journal
		var external config.Config
		external.Database.URL = "postgres://u:p@h/d"
		need := func(ctx context.Context) error { return phase(ctx, j.note("need")) }
		require.NoError(t, phase(opened(t, external), j.note("top"), own(need)))
		assert.Equal(t, []string{"top"}, j.ran)
	})
	t.Run("its failure is the target's", func(t *testing.T) {
		t.Parallel()
		need := func(ctx context.Context) error { return phase(ctx, failing(stack.Database, "need")) }
		err := phase(opened(t, config.Config{}), failing(stack.Unexpected, "top"), own(need))
		assert.Equal(t, 5, exitStatus(err))
	})
}

func TestExit(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&interrupt.Error{Signal: 15})
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"a phase":            {&stack.PhaseError{Class: stack.SchemaWork, Err: errors.New("x")}, 6},
		"bad usage":          {&stack.UsageError{Reason: "x"}, 2},
		"SIGTERM":            {&interrupt.Error{Signal: 15}, 143},
		"SIGHUP":             {&interrupt.Error{Signal: 1}, 129},
		"only cancelled":     {fmt.Errorf("x: %w", context.Canceled), 143},
		"anything else":      {errors.New("x"), 1},
		"usage in a phase":   {&stack.PhaseError{Class: stack.Database, Err: &stack.UsageError{Reason: "x"}}, 2},
		"interrupt in phase": {&stack.PhaseError{Class: stack.BuildWork, Err: &interrupt.Error{Signal: 2}}, 130},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, exitStatus(exit(ended(ctx, tc.err))))
		})
	}
	assert.NoError(t, exit(ended(ctx, nil)))
	assert.Equal(t, 1, exitStatus(exit(ended(t.Context(), context.Canceled))), "nobody has ended the run")
}
