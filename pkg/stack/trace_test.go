package stack_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
)

func TestStack_trace(t *testing.T) {
	t.Parallel()
	t.Run("has the phases with their outcomes, and their programs beside them", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.trace, _ = tracetest.Record(t)
		_, err := b.phase(t, (*stack.Stack).BuildBase)
		require.NoError(t, err)
		_, err = b.phase(t, (*stack.Stack).BuildBase)
		require.NoError(t, err)
		all := tracetest.Written(t, b.trace)
		phases := all.Of(trace.Phase)
		require.Equal(t, []string{"build:base", "build:base"}, phases.Names())
		assert.Equal(t, "done", phases[0].Args["outcome"])
		assert.Equal(t, "unchanged", phases[1].Args["outcome"])
		git := all.Of(trace.Subprocess)
		require.NotEmpty(t, git)
		assert.Contains(t, git[0].Name, "git ")
		assert.Equal(t, "build:base (work)", all.Lane(git[0]))
	})
	t.Run("of a run that was cancelled is whole, and no secret is in it", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		b.trace, _ = tracetest.Record(t)
		write(t, b.state(t, "password"), "s3cr3t-pw")
		s, ctx := b.openWith(t, &journal{})
		b.engine.OnCall = func(method, _ string) error {
			if method == "ContainerStart" {
				_ = s.Fail(errors.New("another phase failed"))
				return context.Canceled
			}
			return nil
		}
		require.Error(t, s.Close(s.StartDatabase(ctx)))
		assert.Equal(t, "cancelled", tracetest.Written(t, b.trace).One(t, "db:start").Args["outcome"])
		assert.NotContains(t, read(t, b.trace.Path()), "s3cr3t-pw")
	})
	t.Run("has the programs of the terminal", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.trace, _ = tracetest.Record(t)
		b.withPsql(t)
		b.config.Database.URL = "postgresql://app:s3cr3t-pw@127.0.0.1:1/mail"
		b.term = &fakeTerminal{code: 2}
		_, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Psql(ctx, "") })
		require.Error(t, err)
		psql := tracetest.Written(t, b.trace).One(t, "psql")
		assert.InDelta(t, 2, psql.Args["exit status"], 0)
		assert.NotContains(t, read(t, b.trace.Path()), "s3cr3t-pw")
	})
}
