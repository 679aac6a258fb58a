package container_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	name    = "poststack-s-postgres"
	network = "poststack-s"
	volume  = "poststack-s-data"
)

// ours is the owner of everything here.
var ours = container.Owner{Stack: "s", ID: "OURS", Key: "k"} //nolint:gochecknoglobals // a constant

// service is a declaration with one of everything.
func service() container.Service {
	return container.Service{
		Owner: ours, Role: "postgres", Unhashed: []string{"LOG_LEVEL"},
		Spec: engine.ContainerSpec{
			Name: name, Image: "localhost/poststack/postgres:1", Network: network,
			Env:    map[string]string{"LOG_LEVEL": "info", "CERT_PATH": "/etc/certs"},
			Mounts: []engine.Mount{{Volume: volume, Target: "/data"}, {Bind: "/etc", Target: "/host", ReadOnly: true}},
			Files:  []engine.File{{Path: "/run/password", Mode: 0o400, Content: []byte("s3cr3t")}},
		},
	}
}

// newEngine is an engine that has the service's image.
func newEngine() *enginetest.Fake {
	fake := enginetest.NewFake()
	fake.AddImage(engine.Image{Tags: []engine.Ref{"localhost/poststack/postgres:1"}})
	return fake
}

// ensureFound is container.Ensure of what is found.
func ensureFound(
	ctx context.Context, e container.Engine, s container.Service,
) (engine.Container, container.Change, error) {
	found, err := container.Find(ctx, e, s.Spec.Name)
	if err != nil {
		return found, "", err
	}
	return container.Ensure(ctx, e, s, found)
}

// ensure is ensureFound that must succeed.
func ensure(t *testing.T, e *enginetest.Fake, s container.Service) (engine.Container, container.Change) {
	t.Helper()
	c, change, err := ensureFound(t.Context(), e, s)
	require.NoError(t, err)
	assert.Equal(t, engine.Running, c.State)
	return c, change
}

// called counts the calls of a method.
func called(e *enginetest.Fake, method string) int {
	return len(slices.DeleteFunc(e.Calls(), func(call string) bool { return !strings.HasPrefix(call, method+" ") }))
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	t.Run("makes what is not there, with the labels of the stack", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		c, change := ensure(t, e, service())
		assert.Equal(t, container.Made, change)
		labels := map[string]string{container.LabelStack: "s", container.LabelOwner: "OURS", container.LabelRole: "postgres"}
		assert.Subset(t, c.Labels, labels)
		v, err := e.VolumeInspect(t.Context(), volume)
		require.NoError(t, err)
		assert.Equal(t, labels, v.Labels)
		n, err := e.NetworkInspect(t.Context(), network)
		require.NoError(t, err)
		assert.Equal(t, labels, n.Labels)
		assert.Equal(t, []byte("s3cr3t"), e.Files(name)["/run/password"].Content)
	})
	t.Run("keeps what runs as declared", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		first, _ := ensure(t, e, service())
		second, change := ensure(t, e, service())
		assert.Equal(t, container.Kept, change)
		assert.Equal(t, first.ID, second.ID)
		assert.Equal(t, 1, called(e, "ContainerStart"))
	})
	t.Run("replaces what was made of another image of that name, if there is one", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		first, _ := ensure(t, e, service())
		ref := service().Spec.Image
		require.NoError(t, e.ImageTag(t.Context(), e.AddImage(engine.Image{Tags: []engine.Ref{"renewed:1"}}), ref))
		second, change := ensure(t, e, service())
		assert.Equal(t, container.Replaced, change)
		assert.NotEqual(t, first.ID, second.ID)
		require.NoError(t, e.ImageRemove(t.Context(), ref))
		_, change = ensure(t, e, service())
		assert.Equal(t, container.Kept, change)
	})
	t.Run("starts what was stopped", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		first, _ := ensure(t, e, service())
		e.Exit(name, 0)
		second, change := ensure(t, e, service())
		assert.Equal(t, container.Started, change)
		assert.Equal(t, first.ID, second.ID)
	})
	t.Run("has what was stopped start with variables that may change", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		ensure(t, e, service())
		s := service()
		s.Spec.Env["LOG_LEVEL"] = "trace"
		running, change := ensure(t, e, s)
		assert.Equal(t, container.Kept, change)
		assert.Contains(t, running.Env, "LOG_LEVEL=info")
		e.Exit(name, 0)
		again, change := ensure(t, e, s)
		assert.Equal(t, container.Started, change)
		assert.Contains(t, again.Env, "LOG_LEVEL=trace")
	})
	t.Run("replaces what was declared otherwise, and keeps its volume", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		first, _ := ensure(t, e, service())
		s := service()
		s.Spec.Env["CERT_PATH"] = "/srv"
		second, change := ensure(t, e, s)
		assert.Equal(t, container.Replaced, change)
		assert.NotEqual(t, first.ID, second.ID)
		assert.Equal(t, 1, called(e, "ContainerStop"), "it is stopped in its own way first")
		assert.Equal(t, 1, called(e, "VolumeCreate"))
		assert.Zero(t, called(e, "VolumeRemove"))
	})
	t.Run("a variable that does not count changes nothing", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		ensure(t, e, service())
		s := service()
		s.Spec.Env["LOG_LEVEL"] = "trace"
		_, change := ensure(t, e, s)
		assert.Equal(t, container.Kept, change)
		assert.Equal(t, "trace", s.Spec.Env["LOG_LEVEL"], "the declaration is left as it was")
	})
	t.Run("neither does how long a stop may take, nor memory, nor labels", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		ensure(t, e, service())
		s := service()
		s.Spec.StopTimeout, s.Spec.ShmBytes, s.Spec.Labels = time.Hour, 1<<30, map[string]string{"a": "b"}
		_, change := ensure(t, e, s)
		assert.Equal(t, container.Kept, change)
	})
	t.Run("the content of files counts, and no label tells it", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		first, _ := ensure(t, e, service())
		s := service()
		s.Spec.Files[0].Content = []byte("another")
		second, change := ensure(t, e, s)
		assert.Equal(t, container.Replaced, change)
		assert.Equal(t, []byte("another"), s.Spec.Files[0].Content, "the declaration is left as it was")
		assert.NotEqual(t, first.Labels[container.LabelSpec], second.Labels[container.LabelSpec])

		s.Owner.Key = "another key"
		third, err := container.Replace(t.Context(), e, s)
		require.NoError(t, err)
		assert.NotEqual(t, second.Labels[container.LabelSpec], third.Labels[container.LabelSpec],
			"without the key no password can be tried out on it")
	})
	t.Run("the mode of files counts", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		ensure(t, e, service())
		s := service()
		s.Spec.Files[0].Mode = 0o440
		_, change := ensure(t, e, s)
		assert.Equal(t, container.Replaced, change)
	})
	t.Run("a volume that someone made by hand is used as it is", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		require.NoError(t, e.VolumeCreate(t.Context(), volume, nil))
		ensure(t, e, service())
		v, err := e.VolumeInspect(t.Context(), volume)
		require.NoError(t, err)
		assert.Empty(t, v.Labels)
	})
}

func TestReplace_without_a_predecessor(t *testing.T) {
	t.Parallel()
	e := newEngine()
	c, err := container.Replace(t.Context(), e, service())
	require.NoError(t, err)
	assert.Equal(t, engine.Running, c.State)
}

func TestStop_and_Remove(t *testing.T) {
	t.Parallel()
	e := newEngine()
	c, _ := ensure(t, e, service())
	require.NoError(t, container.Stop(t.Context(), e, c, time.Second))
	c, err := e.ContainerInspect(t.Context(), name)
	require.NoError(t, err)
	assert.Equal(t, engine.Exited, c.State)

	require.NoError(t, container.Stop(t.Context(), e, c, time.Second))
	assert.Equal(t, 1, called(e, "ContainerStop"), "what has stopped is not stopped again")

	require.NoError(t, container.Remove(t.Context(), e, c, time.Second))
	_, err = e.ContainerInspect(t.Context(), name)
	require.ErrorIs(t, err, engine.ErrNotFound)

	c.State = engine.Running
	assert.NoError(t, container.Remove(t.Context(), e, c, time.Second), "someone else removed it meanwhile")
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	for printed, want := range map[string][]string{
		"one\ntwo\nthree\n": {"two", "three"},
		"one\ntwo\nthree":   {"two", "three"},
		"one\n":             {"one"},
		"one\r\ntwo\r\n":    {"one", "two"},
		"":                  nil,
		"\n\n":              nil,
	} {
		t.Run(strings.ReplaceAll(printed, "\n", "/"), func(t *testing.T) {
			t.Parallel()
			e := newEngine()
			e.Behave = func(engine.ContainerSpec) enginetest.Outcome { return enginetest.Outcome{Stdout: printed} }
			c, _ := ensure(t, e, service())
			assert.Equal(t, want, container.LastLines(t.Context(), e, c.ID, 2))
		})
	}
	t.Run("both streams, also after cancellation", func(t *testing.T) {
		t.Parallel()
		e := newEngine()
		e.Behave = func(engine.ContainerSpec) enginetest.Outcome {
			return enginetest.Outcome{Stdout: "out\n", Stderr: "err\n"}
		}
		c, _ := ensure(t, e, service())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.Equal(t, []string{"out", "err"}, container.LastLines(ctx, e, c.ID, 5))
	})
	t.Run("a log that cannot be read says so", func(t *testing.T) {
		t.Parallel()
		lines := container.LastLines(t.Context(), newEngine(), "gone", 5)
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], "read the container's log: ")
	})
}
