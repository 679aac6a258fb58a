package stack_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

// reset is Reset as a phase.
func reset(yes bool) func(*stack.Stack, context.Context) error {
	return func(s *stack.Stack, ctx context.Context) error { return s.Reset(ctx, yes) }
}

// running is a bench whose database runs.
func running(t *testing.T) *bench {
	t.Helper()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	return b
}

// lookAlikes are things whose names, or labels, merely look like those of the stack.
func lookAlikes(t *testing.T, b *bench) []string {
	t.Helper()
	var names []string
	for name, labels := range map[string]map[string]string{
		"my-" + containerName:      nil,
		containerName + "-old":     nil,
		"poststack-s2-postgres":    {container.LabelStack: "s2", container.LabelRole: "postgres"},
		"poststack-other-postgres": {container.LabelStack: "S"},
	} {
		id, err := b.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
			Name: name, Image: "docker.io/library/debian:bookworm-slim", Labels: labels, Ports: []engine.Port{},
		})
		require.NoError(t, err)
		behave := b.engine.Behave
		b.engine.Behave = nil
		require.NoError(t, b.engine.ContainerStart(t.Context(), id))
		b.engine.Behave = behave
		require.NoError(t, b.engine.VolumeCreate(t.Context(), name, labels))
		require.NoError(t, b.engine.NetworkCreate(t.Context(), name, engine.NetworkOptions{Labels: labels}))
		names = append(names, name)
	}
	return names
}

func assertUntouched(t *testing.T, b *bench, names []string) {
	t.Helper()
	for _, name := range names {
		c, err := b.engine.ContainerInspect(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, engine.Running, c.State, name)
		_, err = b.engine.VolumeInspect(t.Context(), name)
		assert.NoError(t, err)
		_, err = b.engine.NetworkInspect(t.Context(), name)
		assert.NoError(t, err)
	}
}

// An engine whose program is killed may have removed the volume before it could say so.
func TestReset_cut_short(t *testing.T) {
	t.Parallel()
	b := running(t)
	volumes, err := b.engine.VolumeList(t.Context(), map[string]string{container.LabelStack: "s"})
	require.NoError(t, err)
	require.NotEmpty(t, volumes)
	before := b.engine.OnCall
	b.engine.OnCall = func(method, name string) error {
		if method != "VolumeRemove" {
			return before(method, name)
		}
		b.engine.OnCall = before
		assert.NoError(t, b.engine.VolumeRemove(t.Context(), name))
		return io.ErrUnexpectedEOF
	}
	_, err = b.phase(t, reset(true))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err, "the data was to go: a new database takes its place")
}

func TestDown(t *testing.T) {
	t.Parallel()
	b := running(t)
	others := lookAlikes(t, b)
	_, err := b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	c, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	assert.Equal(t, engine.Exited, c.State)
	assertUntouched(t, b, others)

	j, err := b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	assert.Equal(t, event.Unchanged, j.last(t, event.PhaseEnded).Outcome)
	assert.Equal(t, "nothing was running", j.last(t, event.PhaseEnded).Text)
}

func TestDown_failure(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"ContainerList", "ContainerStop"} {
		b := running(t)
		inner, broken := b.engine.OnCall, errors.New("broken")
		b.engine.OnCall = func(m, name string) error {
			if m == method {
				return broken
			}
			return inner(m, name)
		}
		_, err := b.phase(t, (*stack.Stack).Down)
		assert.ErrorIs(t, err, broken)
		assert.Equal(t, 1, stack.ExitStatus(err))
		b.engine.OnCall = inner
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	b := running(t)
	others := lookAlikes(t, b)
	j, err := b.phase(t, reset(true))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"will delete container " + containerName, "will delete network " + networkName,
		"will delete volume " + volumeName + " (all data in it)",
	}, j.texts(event.Notice))
	end := j.last(t, event.PhaseEnded)
	assert.Equal(t, event.Done, end.Outcome)
	assert.Contains(t, end.Text, "deleted container "+containerName)
	for _, err := range []error{
		second(b.engine.ContainerInspect(t.Context(), containerName)),
		second(b.engine.VolumeInspect(t.Context(), volumeName)),
		second(b.engine.NetworkInspect(t.Context(), networkName)),
	} {
		assert.ErrorIs(t, err, engine.ErrNotFound)
	}
	assert.NoFileExists(t, b.state(t, "password"))
	assertUntouched(t, b, others)

	j, err = b.phase(t, reset(false))
	require.NoError(t, err, "where there is nothing to lose nobody is asked")
	assert.Equal(t, event.Unchanged, j.last(t, event.PhaseEnded).Outcome)
}

func second[T any](_ T, err error) error { return err }

func TestReset_keeps_a_volume_of_the_users(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	require.NoError(t, b.engine.VolumeCreate(t.Context(), volumeName, nil))
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	j, err := b.phase(t, reset(true))
	require.NoError(t, err)
	_, err = b.engine.VolumeInspect(t.Context(), volumeName)
	assert.NoError(t, err)
	assert.NotContains(t, j.last(t, event.PhaseEnded).Text, volumeName)
}

func TestReset_without_a_terminal(t *testing.T) {
	t.Parallel()
	b := running(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	b.stdin = r
	j, err := b.phase(t, reset(false))
	assert.ErrorContains(t, err, "there is no terminal to ask on: run mage reset -yes")
	assert.Equal(t, 2, stack.ExitStatus(err))
	assert.Contains(t, j.texts(event.Warning), "will delete volume "+volumeName+" (all data in it)",
		"it names what it would delete")
	assertAllThere(t, b)
}

func assertAllThere(t *testing.T, b *bench) {
	t.Helper()
	c, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	assert.Equal(t, engine.Running, c.State)
	_, err = b.engine.VolumeInspect(t.Context(), volumeName)
	assert.NoError(t, err)
	assert.FileExists(t, b.state(t, "password"))
}

// keyboard is a terminal to read from, and what people type on it.
func keyboard(t *testing.T, b *bench) (typed *os.File) {
	t.Helper()
	typed, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(typed.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(typed.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	b.stdin, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = b.stdin.Close(), typed.Close() })
	return typed
}

func TestReset_asks(t *testing.T) {
	t.Parallel()
	t.Run("the stack's name is the answer", func(t *testing.T) {
		t.Parallel()
		b := running(t)
		_, err := keyboard(t, b).WriteString("s\n")
		require.NoError(t, err)
		j, err := b.phase(t, reset(false))
		require.NoError(t, err)
		assert.Contains(t, j.texts(event.Warning), "this cannot be undone; type the stack's name (s) to go on:")
		assert.ErrorIs(t, second(b.engine.VolumeInspect(t.Context(), volumeName)), engine.ErrNotFound)
	})
	for _, answer := range []string{"yes", "", "S"} {
		t.Run("anything else is not: "+answer, func(t *testing.T) {
			t.Parallel()
			b := running(t)
			_, err := keyboard(t, b).WriteString(answer + "\n")
			require.NoError(t, err)
			_, err = b.phase(t, reset(false))
			assert.ErrorContains(t, err, "nothing was deleted")
			assert.Equal(t, 2, stack.ExitStatus(err))
			assertAllThere(t, b)
		})
	}
	t.Run("a run that is told to end asks no longer", func(t *testing.T) {
		t.Parallel()
		b := running(t)
		typed := keyboard(t, b)
		cause := errors.New("told to end")
		var s *stack.Stack
		j := &journal{}
		j.on = func(e event.Event) {
			if e.Kind == event.Warning {
				_ = s.Fail(cause)
			}
		}
		s, ctx := b.openWith(t, j)
		assert.Equal(t, cause, s.Close(s.Reset(ctx, false)))
		assertAllThere(t, b)
		_, err := typed.WriteString("\n") // lets the reader go
		require.NoError(t, err)
	})
}

func TestReset_failure(t *testing.T) {
	t.Parallel()
	for _, method := range []string{
		"ContainerList", "NetworkList", "VolumeList", "ContainerRemove", "NetworkRemove", "VolumeRemove",
	} {
		t.Run(method+" that fails keeps the password", func(t *testing.T) {
			t.Parallel()
			b := running(t)
			inner, broken := b.engine.OnCall, errors.New("broken")
			b.engine.OnCall = func(m, name string) error {
				if m == method {
					return broken
				}
				return inner(m, name)
			}
			_, err := b.phase(t, reset(true))
			assert.ErrorIs(t, err, broken)
			assert.FileExists(t, b.state(t, "password"))
		})
	}
}

func TestReset_guest_on_the_network(t *testing.T) {
	t.Parallel()
	b := running(t)
	_, err := b.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Name: "guest", Image: "docker.io/library/debian:bookworm-slim", Network: "poststack-s",
	})
	require.NoError(t, err)
	j, err := b.phase(t, reset(true))
	require.NoError(t, err)
	const stays = "network poststack-s stays: other containers are attached to it: guest"
	assert.Contains(t, j.texts(event.Warning), stays)
	assert.Contains(t, j.last(t, event.PhaseEnded).Text, "; "+stays)
	_, err = b.engine.ContainerInspect(t.Context(), containerName)
	require.ErrorIs(t, err, engine.ErrNotFound)
	_, err = b.engine.NetworkInspect(t.Context(), "poststack-s")
	require.NoError(t, err)
	_, err = os.Stat(b.state(t, "lock"))
	require.ErrorIs(t, err, os.ErrNotExist, "the lock's file goes with the stack")
}
