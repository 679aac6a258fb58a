package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func (s *suite) imageCases() []testCase {
	return []testCase{
		{"inspect of an unknown image is ErrNotFound", func(ctx context.Context, t *testing.T) {
			_, err := s.ImageInspect(ctx, s.ref("unknown"))
			require.ErrorIs(t, err, engine.ErrNotFound)
		}},
		{"remove of an unknown image succeeds", func(ctx context.Context, t *testing.T) {
			require.NoError(t, s.ImageRemove(ctx, s.ref("unknown")))
		}},
		{"an imported image shows its labels and environment", func(ctx context.Context, t *testing.T) {
			img, err := s.ImageInspect(ctx, s.image)
			require.NoError(t, err)
			assert.Equal(t, s.name, img.Labels[contractLabel])
			assert.Contains(t, img.Env, "FROM_IMAGE=yes")
			assert.Contains(t, img.Tags, s.image)
			assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, string(img.ID))
			assert.Greater(t, img.SizeBytes, int64(1<<20))
			byID, err := s.ImageInspect(ctx, engine.Ref(img.ID))
			require.NoError(t, err)
			assert.Equal(t, img.ID, byID.ID)
		}},
		{"the history of an image adds up to its size", func(ctx context.Context, t *testing.T) {
			img, err := s.ImageInspect(ctx, s.image)
			require.NoError(t, err)
			layers, err := s.ImageHistory(ctx, s.image)
			require.NoError(t, err)
			var sum int64
			for _, l := range layers {
				sum += l.SizeBytes
			}
			assert.InEpsilon(t, img.SizeBytes, sum, 0.02, "%+v", layers)
			_, err = s.ImageHistory(ctx, s.ref("unknown"))
			require.ErrorIs(t, err, engine.ErrNotFound)
		}},
		{"a file of a container that does not run can be read", func(ctx context.Context, t *testing.T) {
			spec := s.spec("wait")
			spec.Files = []engine.File{{Path: "/etc/kept", Mode: 0o600, Content: []byte("as it\x00was")}}
			id := s.create(ctx, t, spec)
			content, err := s.ContainerFile(ctx, id, "/etc/kept")
			require.NoError(t, err)
			assert.Equal(t, "as it\x00was", string(content))
			_, err = s.ContainerFile(ctx, id, "/etc/none")
			require.ErrorIs(t, err, engine.ErrNotFound)
		}},
		{"images are listed by label and value", func(ctx context.Context, t *testing.T) {
			images, err := s.ImageList(ctx, contractLabel+"="+s.name)
			require.NoError(t, err)
			require.Len(t, images, 1)
			assert.Contains(t, images[0].Tags, s.image)
			images, err = s.ImageList(ctx, contractLabel+"="+s.name[:len(s.name)-1])
			require.NoError(t, err)
			assert.Empty(t, images)
		}},
	}
}

func (s *suite) tagCases() []testCase {
	return []testCase{
		{"a tag moves, and removing it keeps the image under its other tags", func(ctx context.Context, t *testing.T) {
			img, err := s.ImageInspect(ctx, s.image)
			require.NoError(t, err)
			extra := s.ref("extra")
			require.NoError(t, s.ImageTag(ctx, img.ID, extra))
			got, err := s.ImageInspect(ctx, extra)
			require.NoError(t, err)
			assert.Equal(t, img.ID, got.ID)
			require.NoError(t, s.ImageRemove(ctx, extra))
			_, err = s.ImageInspect(ctx, extra)
			require.ErrorIs(t, err, engine.ErrNotFound)
			_, err = s.ImageInspect(ctx, s.image)
			require.NoError(t, err)
		}},
		{"a cancelled context stops a call", func(ctx context.Context, t *testing.T) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_, err := s.ImageInspect(ctx, s.image)
			require.ErrorIs(t, err, context.Canceled)
		}},
	}
}

func (s *suite) containerCases() []testCase {
	return []testCase{
		{"inspect of an unknown container is ErrNotFound", func(ctx context.Context, t *testing.T) {
			_, err := s.ContainerInspect(ctx, s.fresh())
			require.ErrorIs(t, err, engine.ErrNotFound)
		}},
		{"remove of an unknown container succeeds", func(ctx context.Context, t *testing.T) {
			require.NoError(t, s.ContainerRemove(ctx, engine.ContainerID(s.fresh())))
		}},
		{"create from an unknown image is ErrNotFound and leaves nothing", func(ctx context.Context, t *testing.T) {
			spec := s.spec("wait")
			spec.Image = s.ref("unknown")
			_, err := s.ContainerCreate(ctx, spec)
			require.ErrorIs(t, err, engine.ErrNotFound)
			_, err = s.ContainerInspect(ctx, spec.Name)
			require.ErrorIs(t, err, engine.ErrNotFound)
		}},
		{
			"create with a name that is taken is ErrConflict and leaves the other alone",
			func(ctx context.Context, t *testing.T) {
				spec := s.spec("wait")
				id := s.create(ctx, t, spec)
				_, err := s.ContainerCreate(ctx, spec)
				require.ErrorIs(t, err, engine.ErrConflict)
				c, err := s.ContainerInspect(ctx, spec.Name)
				require.NoError(t, err)
				assert.Equal(t, id, c.ID)
			},
		},
		{"a port without an address is refused", func(ctx context.Context, t *testing.T) {
			spec := s.spec("wait")
			spec.Ports = []engine.Port{{Container: 80}}
			_, err := s.ContainerCreate(ctx, spec)
			require.ErrorContains(t, err, "HostIP")
		}},
		{"names that merely look alike are other containers", s.lookAlikes},
		{"a container is created, runs, is stopped and can start again", s.lifeCycle},
		{"listing without a label is refused", func(ctx context.Context, t *testing.T) {
			_, err := s.ContainerList(ctx, nil)
			require.Error(t, err)
		}},
	}
}

func (s *suite) lookAlikes(ctx context.Context, t *testing.T) {
	spec := s.spec("wait")
	old := spec
	old.Name += "-old"
	old.Labels = map[string]string{contractLabel: s.name, "org.poststack.look": "alike"}
	id := s.create(ctx, t, old)
	_, err := s.ContainerInspect(ctx, spec.Name)
	require.ErrorIs(t, err, engine.ErrNotFound)
	list, err := s.ContainerList(ctx, map[string]string{contractLabel: s.name, "org.poststack.look": "alik"})
	require.NoError(t, err)
	assert.Empty(t, list)
	list, err = s.ContainerList(ctx, old.Labels)
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, id, list[0].ID)
	assert.Equal(t, old.Name, list[0].Name)
}

func (s *suite) lifeCycle(ctx context.Context, t *testing.T) {
	spec := s.spec("wait")
	spec.Env = map[string]string{"KEY": "value with spaces"}
	id := s.create(ctx, t, spec)
	c, err := s.ContainerInspect(ctx, spec.Name)
	require.NoError(t, err)
	assert.Equal(t, engine.Created, c.State)
	assert.Equal(t, s.name, c.Labels[contractLabel])
	assert.Contains(t, c.Env, "KEY=value with spaces")
	for range 2 {
		require.NoError(t, s.ContainerStart(ctx, id))
		c, err = s.ContainerInspect(ctx, string(id))
		require.NoError(t, err)
		assert.Equal(t, engine.Running, c.State)
		assert.WithinDuration(t, time.Now(), c.Started, time.Minute)
		require.NoError(t, s.ContainerStart(ctx, id), "starting a running container is no error")
		require.NoError(t, s.ContainerKill(ctx, id, "SIGKILL"))
		code, err := s.ContainerWait(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, 137, code)
		c, err = s.ContainerInspect(ctx, string(id))
		require.NoError(t, err)
		assert.Equal(t, engine.Exited, c.State)
		assert.Equal(t, 137, c.ExitCode)
	}
	require.NoError(t, s.ContainerStop(ctx, id, time.Second), "stopping a stopped container is no error")
	require.NoError(t, s.ContainerRemove(ctx, id))
	_, err = s.ContainerInspect(ctx, string(id))
	require.ErrorIs(t, err, engine.ErrNotFound)
}

func (s *suite) storeCases() []testCase {
	return []testCase{
		{"a volume is made once, found by its whole name and by label", func(ctx context.Context, t *testing.T) {
			name := s.volume(ctx, t)
			require.NoError(t, s.VolumeCreate(ctx, name, nil), "again")
			v, err := s.VolumeInspect(ctx, name)
			require.NoError(t, err)
			assert.Equal(t, name, v.Name)
			assert.Equal(t, s.name, v.Labels[contractLabel])
			_, err = s.VolumeInspect(ctx, name[:len(name)-1])
			require.ErrorIs(t, err, engine.ErrNotFound)
			list, err := s.VolumeList(ctx, s.labels)
			require.NoError(t, err)
			assert.Len(t, list, 1)
			require.NoError(t, s.VolumeRemove(ctx, name))
			require.NoError(t, s.VolumeRemove(ctx, name), "absent")
			_, err = s.VolumeUsage(ctx, name)
			require.ErrorIs(t, err, engine.ErrNotFound)
		}},
		{"a volume in use is not removed", func(ctx context.Context, t *testing.T) {
			name := s.volume(ctx, t)
			spec := s.spec("wait")
			spec.Mounts = []engine.Mount{{Volume: name, Target: "/data"}}
			s.create(ctx, t, spec)
			require.Error(t, s.VolumeRemove(ctx, name))
		}},
		{"a network tells which containers are on it", func(ctx context.Context, t *testing.T) {
			name, other := s.network(ctx, t), s.network(ctx, t)
			guests, err := s.NetworkGuests(ctx, name)
			require.NoError(t, err)
			assert.Empty(t, guests)
			spec := s.spec("wait")
			spec.Network = name
			s.create(ctx, t, spec)
			guests, err = s.NetworkGuests(ctx, name)
			require.NoError(t, err)
			assert.Equal(t, []string{spec.Name}, guests, "one that does not run, too")
			guests, err = s.NetworkGuests(ctx, other)
			require.NoError(t, err)
			assert.Empty(t, guests)
		}},
		{"a network is made once, found by its whole name and by label", func(ctx context.Context, t *testing.T) {
			name := s.network(ctx, t)
			require.ErrorIs(t, s.NetworkCreate(ctx, name, engine.NetworkOptions{}), engine.ErrConflict)
			n, err := s.NetworkInspect(ctx, name)
			require.NoError(t, err)
			assert.Equal(t, name, n.Name)
			assert.NotEmpty(t, n.ID)
			_, err = s.NetworkInspect(ctx, n.ID[:12])
			require.ErrorIs(t, err, engine.ErrNotFound, "an ID is no name")
			list, err := s.NetworkList(ctx, s.labels)
			require.NoError(t, err)
			assert.Len(t, list, 1)
			require.NoError(t, s.NetworkRemove(ctx, name))
			require.NoError(t, s.NetworkRemove(ctx, name), "absent")
		}},
	}
}
