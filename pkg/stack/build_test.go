package stack_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/stack"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, build := range map[string]func(*stack.Stack, context.Context) error{
		"base-debian": (*stack.Stack).BuildBase,
	} {
		j, err := b.phase(t, build)
		require.NoError(t, err)
		end := j.last(t, event.PhaseEnded)
		assert.Equal(t, event.Done, end.Outcome)
		assert.Contains(t, end.Text, string(b.digestRef(t, name)))
		assert.Contains(t, end.Text, "0 of 2 steps cached")
		assert.Regexp(t, `^logs/containers/base-debian_build_.*\.log$`, end.Log)

		j, err = b.phase(t, build)
		require.NoError(t, err)
		assert.Equal(t, event.Unchanged, j.last(t, event.PhaseEnded).Outcome)
	}
	for phase, build := range map[string]func(*stack.Stack, context.Context) error{
		"build:postgres": (*stack.Stack).BuildPostgres, "build:liquibase": (*stack.Stack).BuildLiquibase,
		"build:extra": (*stack.Stack).BuildRest,
	} {
		j, err := b.phase(t, build)
		require.NoError(t, err)
		assert.Equal(t, phase, j.last(t, event.PhaseEnded).Phase)
		assert.Equal(t, event.Done, j.last(t, event.PhaseEnded).Outcome)
	}
	image := func(name string) func(*stack.Stack, context.Context) error {
		return func(s *stack.Stack, ctx context.Context) error { return s.BuildImage(ctx, name) }
	}
	j, err := b.phase(t, image("extra"))
	require.NoError(t, err)
	assert.Equal(t, "build:extra", j.last(t, event.PhaseEnded).Phase)
	_, err = b.phase(t, image("extras"))
	require.ErrorContains(t, err, `build:extras: unknown image "extras"`)
	assert.Equal(t, 2, stack.ExitStatus(err))
	builds := len(b.engine.Builds())
	_, err = b.phase(t, func(s *stack.Stack, ctx context.Context) error {
		return s.BuildBase(stack.WithBuild(ctx, stack.BuildOptions{Force: true, NoCache: true}))
	})
	require.NoError(t, err)
	require.Len(t, b.engine.Builds(), builds+1)
	assert.True(t, b.engine.Builds()[builds].NoCache)
}

func TestBuild_failure(t *testing.T) {
	t.Parallel()
	t.Run("the step's last lines are the details", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.engine.OnBuild = func(engine.BuildSpec) error {
			return &engine.BuildError{
				Step: engine.Step{Number: 2, Total: 2, Text: "RUN exit 9"},
				Tail: []string{"no space"}, Err: errors.New("exit status 9"),
			}
		}
		j, err := b.phase(t, (*stack.Stack).BuildBase)
		assert.Equal(t, 4, stack.ExitStatus(err))
		assert.ErrorContains(t, err, "RUN exit 9")
		assert.Contains(t, j.last(t, event.PhaseEnded).Detail, "no space")
		assert.Regexp(t, `^logs/containers/base-debian_build_`, j.last(t, event.PhaseEnded).Log)
	})
	t.Run("a declaration that cannot be read", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		write(t, filepath.Join(b.config.Root, "containers/extra/image.yaml"), "descripton: x\n")
		for _, build := range []func(*stack.Stack, context.Context) error{
			(*stack.Stack).BuildBase, (*stack.Stack).BuildRest, (*stack.Stack).StartDatabase,
		} {
			_, err := b.phase(t, build)
			assert.ErrorContains(t, err, "containers/extra/image.yaml:1: ")
		}
		_, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Images(ctx, false) })
		assert.ErrorContains(t, err, "containers/extra/image.yaml:1: ")
	})
	t.Run("an image without its parent", func(t *testing.T) {
		t.Parallel()
		_, err := newBench(t).phase(t, (*stack.Stack).BuildRest)
		assert.Equal(t, 4, stack.ExitStatus(err))
		assert.ErrorContains(t, err, "base-debian")
	})
}

func TestStartDatabase_takes_the_image_that_this_run_built(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	serve(t, b.engine)
	s, ctx, _ := b.open(t)
	require.NoError(t, s.BuildBase(ctx))
	require.NoError(t, s.BuildPostgres(ctx))
	built := b.digestRef(t, "postgres")
	write(t, filepath.Join(b.config.Root, "containers/postgres/Dockerfile"),
		"ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nUSER postgres\n")
	require.NotEqual(t, built, b.digestRef(t, "postgres"))
	require.NoError(t, s.StartDatabase(ctx))
	spec, _ := b.engine.Spec(containerName)
	assert.Equal(t, built, spec.Image)
}

func TestImages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.phase(t, (*stack.Stack).BuildBase)
	require.NoError(t, err)
	b.engine.AddImage(engine.Image{
		ID: "sha256:0123456789abcdef0123456789abcdef", Tags: []engine.Ref{image.LatestRef("extra")}, SizeBytes: 4e8,
		Created: time.Now().Add(-3 * time.Hour),
	})
	j, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Images(ctx, false) })
	require.NoError(t, err)
	rows := map[string][]string{}
	for _, row := range j.last(t, event.Result).Report.Rows {
		rows[row[0]] = row[1:]
	}
	assert.Len(t, rows, 4)
	assert.Equal(t, "current", rows["base-debian"][0])
	assert.Contains(t, rows["base-debian"][2], rows["base-debian"][1], "the digest is a tag, too")
	assert.Contains(t, rows["base-debian"][2], "latest")
	assert.Equal(t, []string{"outdated", "", "latest", "400MB", "3 hours", "0123456789ab"}, rows["extra"])
	assert.Equal(t, []string{"not built", "", "", "", "", ""}, rows["postgres"])
}

func TestImages_failure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	broken := errors.New("broken")
	b.engine.OnCall = func(string, string) error { return broken }
	_, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Images(ctx, false) })
	assert.ErrorIs(t, err, broken)
	assert.Equal(t, 1, stack.ExitStatus(err))
}
