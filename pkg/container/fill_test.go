package container_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func TestFill(t *testing.T) {
	t.Parallel()
	into := engine.Mount{Volume: "poststack-s-secret", Target: "/srv", ReadOnly: true}
	files := []engine.File{{Path: "/srv/key", Mode: 0o640, GID: 9999, Content: []byte("s3cr3t")}}
	begin := func() (*enginetest.Fake, container.Service) {
		e := enginetest.NewFake()
		e.AddImage(engine.Image{Tags: []engine.Ref{"web"}})
		return e, container.Service{
			Owner: container.Owner{Stack: "s", ID: "me"}, Role: "web", Spec: engine.ContainerSpec{Image: "web"},
		}
	}
	t.Run("they go in through a container that never starts", func(t *testing.T) {
		t.Parallel()
		e, s := begin()
		var spec engine.ContainerSpec
		e.OnCall = func(method, name string) error {
			if method == "ContainerRemove" {
				spec, _ = e.Spec(name)
			}
			return nil
		}
		for range 2 {
			require.NoError(t, container.Fill(t.Context(), e, s, into, files))
		}
		assert.Equal(t, files, spec.Files)
		assert.Equal(t, []engine.Mount{{Volume: into.Volume, Target: "/srv"}}, spec.Mounts)
		assert.Equal(t, "true", spec.Labels[container.LabelDisposable])
		v, err := e.VolumeInspect(t.Context(), into.Volume)
		require.NoError(t, err)
		assert.Equal(t, s.Owner.Labels("web"), v.Labels)
		left, err := e.ContainerList(t.Context(), map[string]string{container.LabelDisposable: "true"})
		require.NoError(t, err)
		assert.Empty(t, left)
		for _, call := range e.Calls() {
			assert.NotContains(t, call, "ContainerStart")
		}
	})
	t.Run("a volume of another owner is left alone", func(t *testing.T) {
		t.Parallel()
		e, s := begin()
		require.NoError(t, e.VolumeCreate(t.Context(), into.Volume, container.Owner{Stack: "s", ID: "you"}.Labels("web")))
		var foreign *container.ForeignError
		require.ErrorAs(t, container.Fill(t.Context(), e, s, into, files), &foreign)
		assert.NotContains(t, e.Calls(), "ContainerCreate ")
	})
	t.Run("what the engine refuses is told", func(t *testing.T) {
		t.Parallel()
		e, s := begin()
		full := errors.New("no space left on device")
		e.OnCall = func(method, _ string) error {
			if method == "ContainerCreate" {
				return full
			}
			return nil
		}
		err := container.Fill(t.Context(), e, s, into, files)
		require.ErrorIs(t, err, full)
		require.ErrorContains(t, err, `fill volume "poststack-s-secret"`)
	})
}
