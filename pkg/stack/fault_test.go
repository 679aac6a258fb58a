package stack_test

import (
	"strings"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
	"github.com/poststack/poststack/pkg/stack"
)

func TestStartDatabase_container_that_was_never_complete(t *testing.T) {
	t.Parallel()
	b := running(t)
	c, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	require.NoError(t, b.engine.ContainerRemove(t.Context(), c.ID))
	// made, and its maker killed
	spec := engine.ContainerSpec{Name: containerName, Image: b.digestRef(t, "postgres"), Labels: c.Labels}
	_, err = b.engine.ContainerCreate(t.Context(), spec)
	require.NoError(t, err)
	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Contains(t, j.last(t, event.PhaseEnded).Text, ", recreated")
	assert.Contains(t, j.texts(event.Notice),
		"container "+containerName+" was made and never started: recreating it on the same volumes")
}

func TestStartDatabase_comes_back_by_itself(t *testing.T) {
	t.Parallel()
	b := running(t)
	keptUp := func() bool {
		c, err := b.engine.ContainerInspect(t.Context(), containerName)
		require.NoError(t, err)
		return c.KeptUp
	}
	assert.True(t, keptUp(), "after a restart of the daemon, once it has answered")

	b = newBench(t).built(t, "postgres")
	b.engine.Behave = func(engine.ContainerSpec) enginetest.Outcome { return enginetest.Outcome{Exits: true, Code: 3} }
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.ErrorAs(t, err, new(*service.ExitedError))
	assert.False(t, keptUp(), "one that does not start would be started again and again")
	assert.Contains(t, strings.Join(b.engine.Calls(), "\n"), "ContainerStop ")

	podman := newBench(t).built(t, "postgres")
	podman.engine.Identity.Kind = engine.Podman
	serve(t, podman.engine)
	_, err = podman.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	for _, call := range podman.engine.Calls() {
		assert.NotContains(t, call, "KeepUp")
	}
}

func TestDoctor_containers(t *testing.T) {
	t.Parallel()
	b := running(t)
	found, _ := b.examine(t, false, "containers") // the fake server is no database, which another check finds
	assert.Equal(t, containerName+" is running", found[0].Seen)

	b.engine.SetState(containerName, "paused")
	unlock := hold(t, b)
	found, _ = b.examine(t, false, "containers")
	assert.Equal(t, doctor.OK, found[0].State, "another run may be about to mend it")
	assert.Contains(t, found[0].Seen, "another run works on")
	unlock()
	found, err := b.examine(t, false, "containers")
	require.Error(t, err)
	assert.Equal(t, doctor.Problem, found[0].State)
	assert.Equal(t, containerName+" is paused", found[0].Seen)
	assert.Equal(t, "mage db:start, which recreates it", found[0].Remedy)

	b.engine.Lost = map[string][]engine.ContainerID{containerName: {"a"}}
	found, _ = b.examine(t, false, "containers")
	assert.Equal(t, doctor.Problem, found[1].State)
	assert.Equal(t, "docker has lost sight of "+containerName+", which still runs", found[1].Seen)
	other := elsewhere(t, b)
	found, err = other.examine(t, true, "containers")
	require.Error(t, err)
	assert.Equal(t, doctor.Problem, found[0].State)
	assert.Contains(t, found[0].Seen, "of another owner")

	found, err = b.examine(t, true, "containers")
	require.NoError(t, err)
	assert.Contains(t, found[0].Fixed, "removed it; mage db:start recreates it")
	assert.Contains(t, found[1].Fixed, "ended it")
	assert.Empty(t, b.engine.Lost)
	require.ErrorIs(t, second(b.engine.ContainerInspect(t.Context(), containerName)), engine.ErrNotFound)
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	assert.NoError(t, err)
}

// hold takes the stack's lock as another run does.
func hold(t *testing.T, b *bench) (unlock func()) {
	t.Helper()
	l := flock.New(b.state(t, "lock"))
	free, err := l.TryLock()
	require.NoError(t, err)
	require.True(t, free)
	return func() { require.NoError(t, l.Close()) }
}
