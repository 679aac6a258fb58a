package stack_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

// elsewhere is the same stack on the same engine, seen from another home directory.
func elsewhere(t *testing.T, b *bench) *bench {
	t.Helper()
	other := newBench(t).built(t, "postgres", "liquibase")
	other.engine, other.config.Database.Port = b.engine, b.config.Database.Port
	other.built(t, "postgres", "liquibase")
	return other
}

func TestStack_of_another_owner(t *testing.T) {
	t.Parallel()
	b := running(t)
	before, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	other := elsewhere(t, b)
	command := func(do func(*stack.Stack, context.Context) error) func(*testing.T, *bench) error {
		return func(t *testing.T, b *bench) error { _, err := b.phase(t, do); return err }
	}
	commands := map[string]func(*testing.T, *bench) error{
		"db:start": command((*stack.Stack).StartDatabase),
		"down":     command((*stack.Stack).Down),
		"reset":    command(reset(true)),
		"shell":    command(shell("postgres")),
	}
	refuse := func(t *testing.T, says string) {
		t.Helper()
		for name, run := range commands {
			err := run(t, other)
			require.ErrorAs(t, err, new(*container.ForeignError), name)
			assert.ErrorContains(t, err, says, name)
			assert.ErrorContains(t, err, "POSTSTACK_STATE_DIR", name)
		}
	}
	id := read(t, b.state(t, "owner"))
	refuse(t, `a stack "s" of another owner (`+id+")")
	assert.NoFileExists(t, other.state(t, "password"),
		"what is refused leaves nothing that would be taken for a sign of ownership")
	assert.NoFileExists(t, other.state(t, "owner"))

	for _, file := range []string{"owner", "password"} { // as after a stack of that name on another engine
		write(t, other.state(t, file), "of-another-time")
	}
	commands["psql"] = command(psql("select 1"))
	commands["schema:update"] = command((*stack.Stack).UpdateSchema)
	refuse(t, `a stack "s" of another owner (`+id+")")
	report, rows := status(t, other)
	assert.Equal(t, []string{containerName}, report.Foreign)
	assert.Equal(t, "foreign", rows[containerName][0])
	after, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	_, err = b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)

	write(t, other.state(t, "owner"), id+"\n")
	_, err = other.phase(t, (*stack.Stack).StartDatabase)
	assert.NoError(t, err, "who has the owner's ID has taken it over")
}

func TestStack_of_an_earlier_release(t *testing.T) {
	t.Parallel()
	old := func(t *testing.T) *bench {
		t.Helper()
		b := newBench(t).built(t, "postgres")
		serve(t, b.engine)
		labels := map[string]string{
			container.LabelStack: "s", container.LabelRole: "postgres", container.LabelSpec: "0123456789abcdef",
		}
		require.NoError(t, b.engine.VolumeCreate(t.Context(), volumeName, labels))
		require.NoError(t, b.engine.NetworkCreate(t.Context(), networkName, engine.NetworkOptions{Labels: labels}))
		_, err := b.engine.ContainerCreate(t.Context(),
			engine.ContainerSpec{Name: containerName, Image: b.digestRef(t, "postgres"), Labels: labels})
		require.NoError(t, err)
		return b
	}
	t.Run("is kept with its password and port", func(t *testing.T) {
		t.Parallel()
		b := old(t)
		port := b.config.Database.Port
		b.config.Database.Port = 0
		write(t, b.state(t, "password"), "pw-of-then")
		write(t, b.state(t, "port.docker"), fmt.Sprint(port))
		_, err := b.phase(t, (*stack.Stack).StartDatabase)
		require.NoError(t, err)
		spec, _ := b.engine.Spec(containerName)
		assert.Equal(t, port, spec.Ports[0].Host)
		assert.Equal(t, "pw-of-then", string(spec.Files[0].Content))
		assert.Equal(t, read(t, b.state(t, "owner")), spec.Labels[container.LabelOwner])
		assert.NotContains(t, b.engine.Calls(), "VolumeRemove "+volumeName)
		_, err = b.phase(t, reset(true))
		assert.NoError(t, err)
	})
	t.Run("is somebody else's where nothing tells of it", func(t *testing.T) {
		t.Parallel()
		b := old(t)
		for range 2 { // the first leaves nothing that the second could take for a sign
			_, err := b.phase(t, (*stack.Stack).StartDatabase)
			require.ErrorAs(t, err, new(*container.ForeignError))
			assert.ErrorContains(t, err, "of an earlier release whose password is not in this state directory")
		}
	})
	t.Run("is somebody else's where only a database on the other engine is known", func(t *testing.T) {
		t.Parallel()
		b := old(t)
		b.config.Database.Port = 0
		write(t, b.state(t, "password"), "pw")
		write(t, b.state(t, "port.podman"), "5432")
		_, err := b.phase(t, (*stack.Stack).StartDatabase)
		assert.ErrorAs(t, err, new(*container.ForeignError))
	})
}

func TestStack_owner_files(t *testing.T) {
	t.Parallel()
	b := running(t)
	for _, file := range []string{"owner", "key"} {
		info, err := os.Stat(b.state(t, file))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode())
	}
	require.NoError(t, os.Remove(b.state(t, "key")))
	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Contains(t, j.last(t, event.PhaseEnded).Text, "replaced",
		"without the key nothing tells whether it is as declared")

	write(t, b.state(t, "owner"), "two words")
	_, err = b.phase(t, (*stack.Stack).Down)
	require.ErrorContains(t, err, b.state(t, "owner")+": it must hold one word")
	assert.Equal(t, 2, stack.ExitStatus(err))
}

func TestStartDatabase_volume_that_has_gone(t *testing.T) {
	t.Parallel()
	b := running(t)
	c, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	require.NoError(t, b.engine.ContainerRemove(t.Context(), c.ID))
	require.NoError(t, b.engine.VolumeRemove(t.Context(), volumeName))
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.ErrorContains(t, err,
		`make volume "`+volumeName+`": this stack has had its data in one of that name on docker`)
	assert.ErrorIs(t, second(b.engine.VolumeInspect(t.Context(), volumeName)), engine.ErrNotFound)
	_, err = b.phase(t, reset(true))
	require.NoError(t, err)
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	assert.NoError(t, err)
}

// TestStack_engine_that_has_the_data opens no engine: there is none in PATH.
func TestStack_engine_that_has_the_data(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ data, want, says string }{
		{"podman", "auto", "this stack's database is on podman, so that auto takes no other engine: " +
			"POSTSTACK_ENGINE=docker uses docker, with a database of its own"},
		{"docker", "auto", "this stack's database is on docker, so that auto takes no other engine: POSTSTACK_ENGINE=podman"},
		{"podman", "docker", `docker: there is no program "docker" in PATH`},
	} {
		t.Run(tc.data+", wanted "+tc.want, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.engine, b.config.Engine, b.path = nil, tc.want, t.TempDir()
			write(t, b.state(t, "port."+tc.data), "5432")
			_, err := b.phase(t, (*stack.Stack).StartDatabase)
			require.ErrorAs(t, err, new(*engine.UnusableError))
			assert.Equal(t, 3, stack.ExitStatus(err))
			assert.ErrorContains(t, err, tc.says)
			if tc.want == "auto" {
				var unusable *engine.UnusableError
				require.ErrorAs(t, err, &unusable)
				assert.Len(t, unusable.Rejected, 1, "the other one is not even asked")
			}
		})
	}
}
