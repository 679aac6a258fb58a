package container_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func TestEnsure_foreign(t *testing.T) {
	t.Parallel()
	others := map[string]string{container.LabelStack: "another"}
	for kind, tc := range map[string]struct {
		name string
		make func(ctx context.Context, e *enginetest.Fake) error
	}{
		"container": {name, func(ctx context.Context, e *enginetest.Fake) error {
			_, err := e.ContainerCreate(ctx, engine.ContainerSpec{Name: name, Image: "localhost/poststack/postgres:1"})
			return err
		}},
		"network": {network, func(ctx context.Context, e *enginetest.Fake) error {
			return e.NetworkCreate(ctx, network, engine.NetworkOptions{})
		}},
		"volume": {volume, func(ctx context.Context, e *enginetest.Fake) error {
			return e.VolumeCreate(ctx, volume, others)
		}},
	} {
		t.Run("a "+kind+" of that name which is not ours is refused and left alone", func(t *testing.T) {
			t.Parallel()
			e := newEngine()
			require.NoError(t, tc.make(t.Context(), e))
			_, _, err := ensureFound(t.Context(), e, service())
			var foreign *container.ForeignError
			require.ErrorAs(t, err, &foreign)
			assert.Equal(t, container.ForeignError{Kind: kind, Name: tc.name, Owner: ours}, *foreign)
			assert.ErrorContains(t, err, `use `+kind+` "`+tc.name+`"`)
			for _, method := range []string{"ContainerStart", "ContainerStop", "ContainerRemove"} {
				assert.Zero(t, called(e, method), method)
			}
		})
	}
	t.Run("another role of the same stack is not it", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		ensure(t, e, service())
		s := service()
		s.Role = "apache"
		_, _, err := ensureFound(t.Context(), e, s)
		assert.ErrorAs(t, err, new(*container.ForeignError))
	})
	t.Run("what runs goes on when its successor could not have its network", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		ensure(t, e, service())
		require.NoError(t, e.NetworkCreate(t.Context(), "taken", engine.NetworkOptions{}))
		s := service()
		s.Spec.Network = "taken"
		_, _, err := ensureFound(t.Context(), e, s)
		require.ErrorAs(t, err, new(*container.ForeignError))
		c, err := e.ContainerInspect(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, engine.Running, c.State)
	})
}

func TestEnsure_failure(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	t.Run("a container that does not start is removed again, also after cancellation", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		e := newEngine()
		e.OnCall = func(method, _ string) error {
			if method == "ContainerStart" {
				cancel()
				return broken
			}
			return nil
		}
		_, _, err := ensureFound(ctx, e, service())
		require.ErrorIs(t, err, broken)
		_, err = e.ContainerInspect(t.Context(), name)
		assert.ErrorIs(t, err, engine.ErrNotFound)
		_, err = e.VolumeInspect(t.Context(), volume)
		assert.NoError(t, err, "the volume stays")
	})
	t.Run("a removal that does not work either is told too", func(t *testing.T) {
		t.Parallel()
		stuck := errors.New("stuck")
		e := newEngine()
		e.OnCall = func(method, _ string) error {
			return map[string]error{"ContainerStart": broken, "ContainerRemove": stuck}[method]
		}
		_, _, err := ensureFound(t.Context(), e, service())
		assert.ErrorIs(t, err, broken)
		assert.ErrorIs(t, err, stuck)
	})
	t.Run("a stopped container that does not start stays", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		ensure(t, e, service())
		e.Exit(name, 0)
		e.Behave = func(engine.ContainerSpec) enginetest.Outcome {
			return enginetest.Outcome{StartError: engine.ErrPortInUse}
		}
		_, _, err := ensureFound(t.Context(), e, service())
		require.ErrorIs(t, err, engine.ErrPortInUse)
		_, err = e.ContainerInspect(t.Context(), name)
		assert.NoError(t, err)
	})
	for _, method := range []string{
		"ContainerInspect", "NetworkInspect", "NetworkCreate", "VolumeInspect", "VolumeCreate", "ContainerCreate",
	} {
		t.Run("a failing "+method+" ends it", func(t *testing.T) {
			t.Parallel()
			e := newEngine()
			e.OnCall = func(m, _ string) error {
				if m == method {
					return broken
				}
				return nil
			}
			_, _, err := ensureFound(t.Context(), e, service())
			assert.ErrorIs(t, err, broken)
		})
	}
	for _, method := range []string{"ContainerInspect", "ContainerStop", "ContainerRemove"} {
		t.Run("a failing "+method+" ends a replacement", func(t *testing.T) {
			t.Parallel()
			e := newEngine()
			ensure(t, e, service())
			e.OnCall = func(m, _ string) error {
				if m == method {
					return broken
				}
				return nil
			}
			_, err := container.Replace(t.Context(), e, service())
			assert.ErrorIs(t, err, broken)
		})
	}
}
