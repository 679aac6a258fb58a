package e2e_test

import (
	"context"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// owned is a stack with a database that runs.
type owned struct {
	c      *checkout.Checkout
	kind   engine.Kind
	engine *engine.Engine
	name   string // of its container
}

// TestIdentity is about whose a stack is, on which engine, and what becomes of its container.
func TestIdentity(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		o := &owned{c: checkout.New(t, kind), kind: kind, engine: enginetest.Open(t, kind)}
		o.c.OK(t, "install")
		o.c.OK(t, "setup")
		o.name = "poststack-" + o.c.Stack(t) + "-postgres"
		t.Run("another state directory is another owner", o.anotherOwner)
		t.Run("an engine that is not in PATH is not passed over", o.enginePassedOver)
		t.Run("what does not matter to the server replaces no container", o.sameContainer)
		t.Run("a container that is in no good state is made anew", o.madeAnew)
	})
}

// container is the database's.
func (o *owned) container(t *testing.T) engine.Container {
	t.Helper()
	c, err := o.engine.ContainerInspect(t.Context(), o.name)
	require.NoError(t, err)
	return c
}

func (o *owned) anotherOwner(t *testing.T) {
	before := o.container(t)
	other := []string{"POSTSTACK_STATE_DIR=" + t.TempDir()}
	for command, status := range map[string]int{"setup": 5, "down": 1, "reset": 1, "doctor": 1} {
		args := map[string][]string{"reset": {"reset", "-yes"}, "doctor": {"doctor", "-fix"}}[command]
		if args == nil {
			args = []string{command}
		}
		for range 2 { // the first leaves nothing that would let the second pass
			r := o.c.Mage(t, other, args...)
			assert.Equal(t, status, r.Code, command)
			assert.Contains(t, r.Stdout+r.Stderr, "of another owner", command)
		}
	}
	assert.Equal(t, before.ID, o.container(t).ID)
	assert.Equal(t, before.Started, o.container(t).Started)
	assert.Zero(t, domains(t, o.c), "the password is the same, the data is there")
}

func (o *owned) enginePassedOver(t *testing.T) {
	out, err := o.c.Compiled([]string{"POSTSTACK_ENGINE=auto", "PATH=" + t.TempDir()}, "setup").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, string(out))
	assert.Equal(t, 3, exit.ExitCode())
	assert.Contains(t, string(out),
		"this stack's database is on "+string(o.kind)+", so that auto takes no other engine: POSTSTACK_ENGINE=")
	r := o.c.Mage(t, []string{"POSTSTACK_ENGINE=auto"}, "db:start")
	assert.Zero(t, r.Code)
	assert.Equal(t, "unchanged", outcome(r, "db:start"), "auto takes the engine that has the data")
}

func (o *owned) sameContainer(t *testing.T) {
	before := o.container(t)
	r := o.c.Mage(t, []string{"DOMAIN=mail.example.net", "LE_EMAIL=admin@example.net", "POSTSTACK_TIMEOUT_STOP=77s"},
		"db:start")
	assert.Zero(t, r.Code)
	assert.Equal(t, before.ID, o.container(t).ID)
}

func (o *owned) madeAnew(t *testing.T) {
	engineOutput(t, o.kind, "pause", o.name)
	o.c.OK(t, "down")
	assert.Zero(t, o.container(t).ExitCode, "one that is paused is stopped in order, too")
	o.c.OK(t, "db:start")
	for name, spoil := range map[string]func(t *testing.T, c engine.Container){
		"paused": func(t *testing.T, _ engine.Container) { t.Helper(); engineOutput(t, o.kind, "pause", o.name) },
		"killed": func(t *testing.T, _ engine.Container) { t.Helper(); engineOutput(t, o.kind, "kill", o.name) },
		"made without its files": func(t *testing.T, c engine.Container) {
			t.Helper()
			ctx := context.WithoutCancel(t.Context())
			require.NoError(t, o.engine.ContainerRemove(ctx, c.ID))
			_, err := o.engine.ContainerCreate(ctx, engine.ContainerSpec{
				Name: o.name, Image: "localhost/poststack/postgres:latest", Labels: c.Labels,
				Mounts: []engine.Mount{{Volume: "poststack-" + o.c.Stack(t) + "-data", Target: "/var/lib/postgresql"}},
			})
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := o.container(t)
			spoil(t, before)
			r := o.c.Mage(t, nil, "doctor")
			assert.Equal(t, 1, r.Code)
			assert.Contains(t, r.Stdout, "mage db:start, which recreates it")
			r = o.c.OK(t, "db:start")
			assert.Contains(t, r.Stdout+r.Stderr, "recreating it on the same volumes")
			assert.NotEqual(t, before.ID, o.container(t).ID)
			assert.Zero(t, domains(t, o.c))
		})
	}
}
