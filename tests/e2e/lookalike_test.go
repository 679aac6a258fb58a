package e2e_test

import (
	"archive/tar"
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// lookAlikes are containers and volumes of someone else whose names merely contain those of a stack.
type lookAlikes struct {
	engine     *engine.Engine
	containers []string
	volumes    []string
}

// makeLookAlikes makes them, idle, until the test ends.
func makeLookAlikes(t *testing.T, kind engine.Kind, stack string) lookAlikes {
	t.Helper()
	l := lookAlikes{engine: enginetest.Open(t, kind)}
	var empty bytes.Buffer
	require.NoError(t, tar.NewWriter(&empty).Close())
	ref := engine.Ref("localhost/poststack-test/lookalike-" + stack + ":latest")
	_, err := l.engine.ImageImport(t.Context(), &empty, ref, []string{`CMD ["true"]`})
	require.NoError(t, err)
	for _, edit := range [][2]string{{"my-", ""}, {"", "-old"}} {
		container := edit[0] + "poststack-" + stack + "-postgres" + edit[1]
		volume := edit[0] + "poststack-" + stack + "-data" + edit[1]
		_, err := l.engine.ContainerCreate(t.Context(), engine.ContainerSpec{Name: container, Image: ref})
		require.NoError(t, err)
		require.NoError(t, l.engine.VolumeCreate(t.Context(), volume, nil))
		l.containers, l.volumes = append(l.containers, container), append(l.volumes, volume)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, name := range l.containers {
			assert.NoError(t, l.engine.ContainerRemove(ctx, engine.ContainerID(name)))
		}
		for _, name := range l.volumes {
			assert.NoError(t, l.engine.VolumeRemove(ctx, name))
		}
		assert.NoError(t, l.engine.ImageRemove(ctx, ref))
	})
	return l
}

// check that all of them are there, untouched.
func (l lookAlikes) check(t *testing.T) {
	t.Helper()
	for _, name := range l.containers {
		c, err := l.engine.ContainerInspect(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, engine.Created, c.State, "%s was not started", name)
	}
	for _, name := range l.volumes {
		_, err := l.engine.VolumeInspect(t.Context(), name)
		assert.NoError(t, err)
	}
}
