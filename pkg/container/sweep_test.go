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

// dead is a session whose process has ended: no process has pid 1 and began with the machine's own tick 0.
const dead = "1@0"

// litter makes a container and a network of that name, owned by session.
func litter(t *testing.T, e *enginetest.Fake, name string, labels map[string]string) {
	t.Helper()
	_, err := e.ContainerCreate(t.Context(),
		engine.ContainerSpec{Name: name, Image: "localhost/poststack/postgres:1", Labels: labels})
	require.NoError(t, err)
	require.NoError(t, e.NetworkCreate(t.Context(), name+"-net", engine.NetworkOptions{Labels: labels}))
	require.NoError(t, e.VolumeCreate(t.Context(), name+"-vol", labels))
}

func TestSweep(t *testing.T) {
	t.Parallel()
	e := newEngine()
	litter(t, e, "dead", map[string]string{container.LabelDisposable: "true", container.LabelSession: dead})
	litter(t, e, "alive", container.DisposableLabels())
	litter(t, e, "unknown-owner", map[string]string{container.LabelDisposable: "true", container.LabelSession: "whoever"})
	litter(t, e, "no-owner", map[string]string{container.LabelDisposable: "true"})
	litter(t, e, "foreign", nil)
	litter(t, e, "not-disposable", map[string]string{container.LabelSession: dead})

	swept, err := container.Sweep(t.Context(), e)
	require.NoError(t, err)
	assert.Equal(t, []string{"dead", "dead-net", "dead-vol"}, swept)
	for _, name := range []string{"alive", "unknown-owner", "no-owner", "foreign", "not-disposable"} {
		_, err := e.ContainerInspect(t.Context(), name)
		assert.NoError(t, err)
		_, err = e.NetworkInspect(t.Context(), name+"-net")
		assert.NoError(t, err)
		_, err = e.VolumeInspect(t.Context(), name+"-vol")
		assert.NoError(t, err)
	}

	swept, err = container.Sweep(t.Context(), e)
	require.NoError(t, err)
	assert.Empty(t, swept)
}

func TestSweep_goes_on_after_a_failure(t *testing.T) {
	t.Parallel()
	e := newEngine()
	for _, name := range []string{"one", "two"} {
		litter(t, e, name, map[string]string{container.LabelDisposable: "true", container.LabelSession: dead})
	}
	one, err := e.ContainerInspect(t.Context(), "one")
	require.NoError(t, err)
	stuck, full := errors.New("stuck"), errors.New("full")
	e.OnCall = func(method, name string) error {
		switch {
		case method == "ContainerRemove" && name == string(one.ID):
			return stuck
		case method == "NetworkRemove" && name == "two-net":
			return full
		}
		return nil
	}
	swept, err := container.Sweep(t.Context(), e)
	assert.ElementsMatch(t, []string{"two", "one-net", "one-vol", "two-vol"}, swept)
	assert.ErrorIs(t, err, stuck)
	assert.ErrorIs(t, err, full)
}

func TestSweep_engine_that_lists_nothing(t *testing.T) {
	t.Parallel()
	e := newEngine()
	broken := errors.New("broken")
	e.OnCall = func(method, _ string) error {
		if method == "ContainerList" {
			return broken
		}
		return nil
	}
	swept, err := container.Sweep(t.Context(), e)
	assert.Empty(t, swept)
	assert.ErrorIs(t, err, broken)
}
