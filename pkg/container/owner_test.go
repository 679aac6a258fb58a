package container_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func TestOwner_Check(t *testing.T) {
	t.Parallel()
	adopting := ours
	adopting.Adopts = true
	for name, tc := range map[string]struct {
		owner  container.Owner
		labels map[string]string
		says   string // "" if it is ours
	}{
		"ours": {ours, ours.Labels("x"), ""},
		"of another stack": {
			ours, map[string]string{container.LabelStack: "s2", container.LabelOwner: "OURS"}, `does not belong to stack "s"`,
		},
		"of nobody": {adopting, nil, `does not belong to stack "s"`},
		"of another owner": {
			adopting,
			map[string]string{container.LabelStack: "s", container.LabelOwner: "X"},
			"belongs to a stack \"s\" of another owner (X); set POSTSTACK_STATE_DIR",
		},
		"of another owner, and we have no ID": {
			container.Owner{Stack: "s"},
			map[string]string{container.LabelStack: "s", container.LabelOwner: ""},
			"an earlier release",
		},
		"of an earlier release": {
			ours,
			map[string]string{container.LabelStack: "s"},
			"of an earlier release whose password is not in this state directory",
		},
		"of an earlier release, with its password": {adopting, map[string]string{container.LabelStack: "s"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.owner.Check("volume", "v", tc.labels)
			if tc.says == "" {
				assert.NoError(t, err)
				return
			}
			require.ErrorAs(t, err, new(*container.ForeignError))
			assert.ErrorContains(t, err, tc.says)
		})
	}
}

func TestEnsure_of_another_owner(t *testing.T) {
	t.Parallel()
	theirs := service()
	theirs.Owner.ID = "THEIRS"
	e := newEngine()
	before, _ := ensure(t, e, theirs)
	for name, change := range map[string]func(*container.Service){
		"declared alike":     func(*container.Service) {},
		"declared otherwise": func(s *container.Service) { s.Spec.Env["CERT_PATH"] = "/srv" },
	} {
		s := service()
		change(&s)
		_, _, err := ensureFound(t.Context(), e, s)
		require.ErrorAs(t, err, new(*container.ForeignError), name)
		_, err = container.Replace(t.Context(), e, s)
		require.ErrorAs(t, err, new(*container.ForeignError), name)
	}
	after, err := e.ContainerInspect(t.Context(), name)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	require.NoError(t, e.ContainerRemove(t.Context(), before.ID))
	for _, kind := range []string{"network", "volume"} {
		_, _, err := ensureFound(t.Context(), e, service())
		require.ErrorContains(t, err, kind)
		if kind == "network" {
			require.NoError(t, e.NetworkRemove(t.Context(), network))
		}
	}
}

// TestEnsure_of_an_earlier_release takes over what carries no owner's ID: the container is made anew, and carries it.
func TestEnsure_of_an_earlier_release(t *testing.T) {
	t.Parallel()
	e := newEngine()
	old := map[string]string{
		container.LabelStack: "s", container.LabelRole: "postgres", container.LabelSpec: "0123456789abcdef",
	}
	require.NoError(t, e.VolumeCreate(t.Context(), volume, old))
	require.NoError(t, e.NetworkCreate(t.Context(), network, engine.NetworkOptions{Labels: old}))
	spec := service().Spec
	spec.Labels = old
	id, err := e.ContainerCreate(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, e.ContainerStart(t.Context(), id))
	_, _, err = ensureFound(t.Context(), e, service())
	require.ErrorAs(t, err, new(*container.ForeignError))

	s := service()
	s.Owner.Adopts = true
	c, change := ensure(t, e, s)
	assert.Equal(t, container.Replaced, change)
	assert.Equal(t, "OURS", c.Labels[container.LabelOwner])
	_, change = ensure(t, e, s)
	assert.Equal(t, container.Kept, change)
	assert.Zero(t, called(e, "VolumeRemove"))
}

// TestEnsure_somebody_was_first is two owners who make their stacks at once: the engines make no second volume.
func TestEnsure_somebody_was_first(t *testing.T) {
	t.Parallel()
	theirs := container.Owner{Stack: "s", ID: "THEIRS"}.Labels("postgres")
	for at, first := range map[string]func(e *enginetest.Fake, name string) error{
		"VolumeCreate": func(e *enginetest.Fake, name string) error {
			return e.VolumeCreate(context.Background(), name, theirs)
		},
		"NetworkCreate": func(e *enginetest.Fake, name string) error {
			return e.NetworkCreate(context.Background(), name, engine.NetworkOptions{Labels: theirs})
		},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			e := newEngine()
			e.OnCall = func(method, name string) error {
				if method != at {
					return nil
				}
				e.OnCall = nil
				return first(e, name)
			}
			_, _, err := ensureFound(t.Context(), e, service())
			require.ErrorAs(t, err, new(*container.ForeignError))
			assert.Zero(t, called(e, "ContainerCreate"))
		})
	}
}

func TestEnsure_container_with_a_fault(t *testing.T) {
	t.Parallel()
	for said, spoil := range map[string]func(e *enginetest.Fake){
		"exited with status 66": func(e *enginetest.Fake) { e.Exit(name, 66) },
		"is paused":             func(e *enginetest.Fake) { e.SetState(name, "paused") },
		"is restarting":         func(e *enginetest.Fake) { e.SetState(name, "restarting") },
		"is removing":           func(e *enginetest.Fake) { e.SetState(name, "removing") },
		"is dead":               func(e *enginetest.Fake) { e.SetState(name, "dead") },
		"runs without its network, which podman has forgotten": func(e *enginetest.Fake) { e.LoseNetwork(name) },
		"was made and never started": func(e *enginetest.Fake) {
			c, _ := e.ContainerInspect(context.Background(), name)
			_ = e.ContainerRemove(context.Background(), c.ID)
			_, _ = e.ContainerCreate(context.Background(),
				engine.ContainerSpec{Name: name, Image: "localhost/poststack/postgres:1", Labels: c.Labels})
		},
	} {
		t.Run("one that "+said+" is made anew", func(t *testing.T) {
			t.Parallel()
			e := newEngine()
			first, _ := ensure(t, e, service())
			assert.Empty(t, container.Fault(first))
			spoil(e)
			found, err := e.ContainerInspect(t.Context(), name)
			require.NoError(t, err)
			assert.Equal(t, said, container.Fault(found))
			second, change := ensure(t, e, service())
			assert.Equal(t, container.Mended, change)
			assert.NotEqual(t, first.ID, second.ID)
			assert.Equal(t, []byte("s3cr3t"), e.Files(name)["/run/password"].Content)
			assert.Zero(t, called(e, "VolumeRemove"))
		})
	}
	assert.Equal(t, "exited with status 137 (out of memory)",
		container.Fault(engine.Container{State: engine.Exited, ExitCode: 137, OOMKilled: true, Started: time.Now()}))
}
