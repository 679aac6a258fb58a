package enginetest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func TestFake_Build(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM x\nRUN y\n"), 0o644))
	f := enginetest.NewFake()
	var log strings.Builder
	spec := engine.BuildSpec{Dir: dir, Tags: []engine.Ref{"localhost/a:1"}, Labels: map[string]string{"k": "v"}, Log: &log}
	first, err := f.Build(t.Context(), spec)
	require.NoError(t, err)
	assert.Len(t, first.Steps, 2)
	assert.False(t, first.Steps[0].Cached)
	assert.Equal(t, "STEP 1/2: FROM x\nSTEP 2/2: RUN y\n", log.String())
	second, err := f.Build(t.Context(), spec)
	require.NoError(t, err)
	assert.Equal(t, first.ID, second.ID)
	assert.True(t, second.Steps[0].Cached)
	spec.NoCache = true
	third, err := f.Build(t.Context(), spec)
	require.NoError(t, err)
	assert.NotEqual(t, first.ID, third.ID)
	img, err := f.ImageInspect(t.Context(), "localhost/a:1")
	require.NoError(t, err)
	assert.Equal(t, third.ID, img.ID, "the tag moved")
	assert.Equal(t, "v", img.Labels["k"])

	failure := &engine.BuildError{Tail: []string{"no"}}
	f.OnBuild = func(engine.BuildSpec) error { return failure }
	_, err = f.Build(t.Context(), spec)
	require.ErrorIs(t, err, failure)
	assert.Len(t, f.Builds(), 4)
}

func TestFake_hooks(t *testing.T) {
	t.Parallel()
	f := enginetest.NewFake()
	f.Registry = map[engine.Ref]engine.Image{"debian:12": {User: "nobody"}}
	require.ErrorIs(t, f.ImagePull(t.Context(), "debian:13"), engine.ErrNotFound)
	require.NoError(t, f.ImagePull(t.Context(), "debian:12"))
	f.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		if spec.Name == "job" {
			return enginetest.Outcome{Exits: true, Code: 3, Stdout: "one\ntwo\n"}
		}
		return enginetest.Outcome{StartError: errors.New("no room")}
	}
	file := engine.File{Path: "/run/pass", Mode: 0o400, Content: []byte("x")}
	id, err := f.ContainerCreate(t.Context(),
		engine.ContainerSpec{Name: "job", Image: "debian:12", Files: []engine.File{file}})
	require.NoError(t, err)
	require.NoError(t, f.ContainerStart(t.Context(), id))
	code, err := f.ContainerWait(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, 3, code)
	var out strings.Builder
	require.NoError(t, f.ContainerLogs(t.Context(), id, engine.LogOptions{Tail: 1}, &out, nil))
	assert.Equal(t, "two\n", out.String())
	assert.Equal(t, file, f.Files("job")["/run/pass"])
	other, err := f.ContainerCreate(t.Context(), engine.ContainerSpec{Image: "debian:12"})
	require.NoError(t, err)
	require.ErrorContains(t, f.ContainerStart(t.Context(), other), "no room")
	refused := errors.New("the engine is gone")
	f.OnCall = func(method, _ string) error {
		if method == "ContainerRemove" {
			return refused
		}
		return nil
	}
	require.ErrorIs(t, f.ContainerRemove(t.Context(), id), refused)
	assert.Contains(t, f.Calls(), "ContainerCreate job")
}

func TestFake_Exit(t *testing.T) {
	t.Parallel()
	f := enginetest.NewFake()
	f.AddImage(engine.Image{Tags: []engine.Ref{"x:1"}})
	id, err := f.ContainerCreate(t.Context(), engine.ContainerSpec{Name: "server", Image: "x:1"})
	require.NoError(t, err)
	require.NoError(t, f.ContainerStart(t.Context(), id))
	cut, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = f.ContainerWait(cut, id)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	time.AfterFunc(10*time.Millisecond, func() { f.Exit("server", 9) })
	code, err := f.ContainerWait(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, 9, code)
}
