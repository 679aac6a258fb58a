package engine_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// contractLabel marks everything that the contract makes; its value is the run's own.
const contractLabel = "org.poststack.contract"

func TestContract(t *testing.T) {
	t.Run("fake", func(t *testing.T) {
		keepsContract(t, func(testing.TB) API { return enginetest.NewFake() })
	})
	for _, kind := range []engine.Kind{engine.Podman, engine.Docker} {
		t.Run(string(kind), func(t *testing.T) {
			if kinds := enginetest.Kinds(t); !slices.Contains(kinds, kind) {
				t.Skipf("%s=%q leaves it out", enginetest.EnvEngines, os.Getenv(enginetest.EnvEngines))
			}
			keepsContract(t, func(tb testing.TB) API { return enginetest.Open(tb, kind) })
		})
	}
}

// keepsContract checks that the engine keeps the contract that this package's users rely on. A [*enginetest.Fake] is
// held to the part that needs no process. Nothing of it stays behind, and a case that leaves something fails.
func keepsContract(t *testing.T, open func(testing.TB) API) {
	t.Helper()
	s := &suite{API: open(t), name: "poststack-contract-" + strings.ToLower(rand.Text()[:8])}
	s.labels = map[string]string{contractLabel: s.name}
	_, fake := s.API.(*enginetest.Fake)
	t.Cleanup(func() { s.sweep(t) })
	s.image = s.ref("base")
	enginetest.ImportProgram(t, s.API, s.image, "LABEL "+contractLabel+"="+s.name, "ENV FROM_IMAGE=yes")
	lists := []func() []testCase{s.imageCases, s.tagCases, s.containerCases, s.storeCases}
	if !fake {
		lists = append(lists, s.runCases, s.insideCases, s.networkCases, s.fileCases, s.mountCases, s.buildCases,
			s.cancelCases)
	}
	for _, list := range lists {
		for _, c := range list() {
			t.Run(c.name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				c.check(ctx, t)
			})
		}
	}
}

// suite is one run of the contract.
type suite struct {
	API
	name   string // of the run; all names begin with it
	labels map[string]string
	image  engine.Ref
	count  int
}

// testCase is one sentence of the contract.
type testCase struct {
	name  string
	check func(ctx context.Context, t *testing.T)
}

func (s *suite) ref(name string) engine.Ref {
	return engine.Ref("localhost/" + s.name + "/" + name + ":1")
}

// fresh makes up a name of this run.
func (s *suite) fresh() string {
	s.count++
	return fmt.Sprintf("%s-%d", s.name, s.count)
}

// spec is a container that runs the program's command.
func (s *suite) spec(command ...string) engine.ContainerSpec {
	return engine.ContainerSpec{Name: s.fresh(), Image: s.image, Command: command, Labels: s.labels}
}

// create makes a container until the case ends.
func (s *suite) create(ctx context.Context, t *testing.T, spec engine.ContainerSpec) engine.ContainerID {
	t.Helper()
	id, err := s.ContainerCreate(ctx, spec)
	require.NoError(t, err)
	s.removeLater(t, id)
	return id
}

func (s *suite) removeLater(t *testing.T, id engine.ContainerID) {
	t.Cleanup(func() {
		assert.NoError(t, s.ContainerRemove(context.WithoutCancel(t.Context()), id), "remove what the case made")
	})
}

// start makes a container and starts it.
func (s *suite) start(ctx context.Context, t *testing.T, spec engine.ContainerSpec) engine.ContainerID {
	t.Helper()
	id := s.create(ctx, t, spec)
	require.NoError(t, s.ContainerStart(ctx, id))
	return id
}

// output runs a container to its end and returns its status and what it printed.
func (s *suite) output(ctx context.Context, t *testing.T, spec engine.ContainerSpec) (int, string) {
	t.Helper()
	id := s.start(ctx, t, spec)
	code, err := s.ContainerWait(ctx, id)
	require.NoError(t, err)
	return code, s.logs(ctx, t, id)
}

// logs returns what a container printed on both streams.
func (s *suite) logs(ctx context.Context, t *testing.T, id engine.ContainerID) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, s.ContainerLogs(ctx, id, engine.LogOptions{}, &out, &out))
	return out.String()
}

// network makes a network until the case ends.
func (s *suite) network(ctx context.Context, t *testing.T) string {
	t.Helper()
	return s.networkOfKind(ctx, t, engine.NetworkOptions{Labels: s.labels})
}

func (s *suite) networkOfKind(ctx context.Context, t *testing.T, o engine.NetworkOptions) string {
	t.Helper()
	name := s.fresh()
	require.NoError(t, s.NetworkCreate(ctx, name, o))
	t.Cleanup(func() { assert.NoError(t, s.NetworkRemove(context.WithoutCancel(t.Context()), name)) })
	return name
}

// volume makes a volume until the case ends.
func (s *suite) volume(ctx context.Context, t *testing.T) string {
	t.Helper()
	name := s.fresh()
	require.NoError(t, s.VolumeCreate(ctx, name, s.labels))
	t.Cleanup(func() { assert.NoError(t, s.VolumeRemove(context.WithoutCancel(t.Context()), name)) })
	return name
}

// sweep removes what is left and fails if there was anything but images.
func (s *suite) sweep(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	containers, err := s.ContainerList(ctx, s.labels)
	assert.NoError(t, err)
	assert.Empty(t, containers, "containers left behind")
	for _, c := range containers {
		assert.NoError(t, s.ContainerRemove(ctx, c.ID))
	}
	volumes, err := s.VolumeList(ctx, s.labels)
	assert.NoError(t, err)
	assert.Empty(t, volumes, "volumes left behind")
	for _, v := range volumes {
		assert.NoError(t, s.VolumeRemove(ctx, v.Name))
	}
	networks, err := s.NetworkList(ctx, s.labels)
	assert.NoError(t, err)
	assert.Empty(t, networks, "networks left behind")
	for _, n := range networks {
		assert.NoError(t, s.NetworkRemove(ctx, n.Name))
	}
	s.removeImages(ctx, t)
}

// removeImages removes the images of the run, children before parents.
func (s *suite) removeImages(ctx context.Context, t *testing.T) {
	for range 10 {
		images, err := s.ImageList(ctx, contractLabel+"="+s.name)
		assert.NoError(t, err)
		if len(images) == 0 {
			return
		}
		for _, img := range images {
			for _, tag := range img.Tags {
				_ = s.ImageRemove(ctx, tag)
			}
			_ = s.ImageRemove(ctx, engine.Ref(img.ID))
		}
	}
	t.Error("images left behind")
}
