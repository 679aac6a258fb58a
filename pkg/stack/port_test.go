package stack_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
	"github.com/poststack/poststack/pkg/stack"
)

func TestStartDatabase_port_that_is_taken(t *testing.T) {
	t.Parallel()
	t.Run("before anything is made", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		holder := listen(t, "127.0.0.1:0")
		b.config.Database.Port = portOf(holder)
		_, err := b.phase(t, (*stack.Stack).StartDatabase)
		var taken *service.PortError
		require.ErrorAs(t, err, &taken)
		assert.Equal(t, portOf(holder), taken.Host)
		assert.Equal(t, fmt.Sprintf("process %d (stack.test)", os.Getpid()), taken.Holder)
		assert.ErrorContains(t, err, "POSTSTACK_DATABASE_PORT")
		for _, call := range b.engine.Calls() {
			assert.NotContains(t, call, "Create")
		}

		require.NoError(t, holder.Close())
		serve(t, b.engine)
		_, err = b.phase(t, (*stack.Stack).StartDatabase)
		assert.NoError(t, err, "the second call works with no manual step")
	})
	t.Run("on all addresses", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		b.config.Database.Port = portOf(listen(t, ":0"))
		_, err := b.phase(t, (*stack.Stack).StartDatabase)
		assert.ErrorAs(t, err, new(*service.PortError))
	})
	t.Run("by what only the engine sees", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		b.engine.Behave = func(engine.ContainerSpec) enginetest.Outcome {
			return enginetest.Outcome{StartError: engine.ErrPortInUse}
		}
		_, err := b.phase(t, (*stack.Stack).StartDatabase)
		var taken *service.PortError
		require.ErrorAs(t, err, &taken)
		assert.Equal(t, "another program", taken.Holder)
		require.ErrorIs(t, err, engine.ErrPortInUse)
		_, err = b.engine.ContainerInspect(t.Context(), containerName)
		assert.ErrorIs(t, err, engine.ErrNotFound, "nothing created stays behind")
	})
}

func TestStartDatabase_port_choice(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.config.Database.Port = 0
	held := first(t)
	serve(t, b.engine)

	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	spec, _ := b.engine.Spec(containerName)
	chosen := spec.Ports[0].Host
	assert.Greater(t, chosen, held, "what is taken is skipped")
	assert.Contains(t, j.texts(event.Notice),
		fmt.Sprintf("port 5432 is taken: this stack's database gets port %d", chosen))
	assert.Equal(t, fmt.Sprint(chosen), read(t, b.state(t, "port.docker")))

	s, ctx, _ := b.open(t)
	target, err := s.Target(ctx)
	require.NoError(t, err)
	assert.Equal(t, chosen, target.Port, "it is remembered")

	b.config.Database.Port = freePort(t)
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	spec, _ = b.engine.Spec(containerName)
	assert.Equal(t, b.config.Database.Port, spec.Ports[0].Host, "a port that is set wins")
}

func TestStartDatabase_port_file_that_was_lost(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.config.Database.Port = 0
	held := first(t)
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	before, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	had := read(t, b.state(t, "port.docker"))
	require.NotEqual(t, fmt.Sprint(held), had)
	require.NoError(t, os.Remove(b.state(t, "port.docker")))

	s, ctx, _ := b.open(t)
	target, err := s.Target(ctx)
	require.NoError(t, err)
	assert.Equal(t, had, fmt.Sprint(target.Port), "it answers where it runs")
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	after, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	assert.Equal(t, before.ID, after.ID, "it stays")
	assert.Equal(t, had, read(t, b.state(t, "port.docker")), "it is remembered again")
}

func TestStartDatabase_port_offset(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.config.Database.Port, b.config.PortOffset = 0, 20000
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	spec, _ := b.engine.Spec(containerName)
	chosen := spec.Ports[0].Host
	assert.InDelta(t, 25432, chosen, 50, "the first that is free from there")

	b.config.PortOffset = 0
	s, ctx, _ := b.open(t)
	target, err := s.Target(ctx)
	require.NoError(t, err)
	assert.Equal(t, chosen, target.Port, "what was chosen stays")
}

// first holds the first port from 5432 that is free, until the test ends. Tests beside this one look for ports, too:
// one that is taken for a moment is not passed over.
func first(t *testing.T) uint16 {
	t.Helper()
	for port := 5432; port < 6000; port++ {
		var l net.Listener
		err := errors.New("not tried")
		for try := 0; err != nil && try < 50; try++ {
			if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
				time.Sleep(10 * time.Millisecond)
			}
		}
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
			return uint16(port)
		}
	}
	require.Fail(t, "no port is free")
	return 0
}

func TestStartDatabase_chosen_port_that_was_lost(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.config.Database.Port = 0
	b.engine.Behave = func(engine.ContainerSpec) enginetest.Outcome {
		return enginetest.Outcome{StartError: engine.ErrPortInUse}
	}
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.ErrorAs(t, err, new(*service.PortError))
	assert.NoFileExists(t, b.state(t, "port.docker"), "no database ever had it: the next run chooses anew")
}

func TestStartDatabase_port_file_that_is_none(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "0", "postgres", "70000", "-1"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			b := newBench(t).built(t, "postgres")
			b.config.Database.Port = 0
			write(t, b.state(t, "port.docker"), text)
			_, err := b.phase(t, (*stack.Stack).StartDatabase)
			assert.ErrorContains(t, err, b.state(t, "port.docker"))
			assert.ErrorContains(t, err, "delete the file")
			assert.Equal(t, text, read(t, b.state(t, "port.docker")))
		})
	}
}

func TestStartDatabase_chosen_port_gives_way(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.config.Database.Port = 0
	serve(t, b.engine)
	starts, server := 0, b.engine.Behave
	b.engine.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		if starts++; starts <= 2 { // others were faster, twice
			return enginetest.Outcome{StartError: engine.ErrPortInUse}
		}
		return server(spec)
	}
	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	spec, _ := b.engine.Spec(containerName)
	assert.Equal(t, fmt.Sprint(spec.Ports[0].Host), read(t, b.state(t, "port.docker")), "the one it has is remembered")
	assert.Contains(t, strings.Join(j.texts(event.Notice), "\n"), "was taken meanwhile: poststack-s-postgres gets port")

	b.config.Database.Port = freePort(t)
	starts = 1
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	assert.ErrorAs(t, err, new(*service.PortError), "a port that is set does not give way")
}

func TestStartDatabase_published_elsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	begin := time.Now()
	_, err := b.phase(t, (*stack.Stack).StartDatabase) // the engine says that it runs, and nobody listens
	var gone *service.UnreachableError
	require.ErrorAs(t, err, &gone)
	assert.Equal(t, b.config.Database.Port, gone.Port)
	assert.ErrorContains(t, err, "--network host")
	assert.Less(t, time.Since(begin), b.config.Timeout.Start, "at once")
}

func TestStartDatabase_other_major(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	before, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	require.NoError(t, b.engine.ContainerCopyTo(t.Context(), before.ID, []engine.File{
		{Path: "/var/lib/postgresql/data/PG_VERSION", Content: []byte("15\n")},
	}))
	b.config.DebianSuite = "trixie"
	b.built(t, "postgres")
	b.engine.OnFile = func(_ engine.Ref, path string) []byte {
		if path != "/var/lib/dpkg/status" {
			return nil
		}
		return []byte("Package: postgresql-17\nStatus: install ok installed\n\n")
	}
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	var major *stack.MajorError
	require.ErrorAs(t, err, &major)
	assert.Equal(t, []string{"15", "17"}, []string{major.Has, major.Wants})
	require.ErrorContains(t, err, "take it to 17 with mage db:upgrade")
	major.Has, major.Wants = major.Wants, major.Has
	require.ErrorContains(t, major, "mage db:upgrade -back")
	assert.Equal(t, 5, stack.ExitStatus(err))
	after, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	assert.Equal(t, before.ID, after.ID)
	assert.Equal(t, engine.Running, after.State, "the old one keeps running")
}
