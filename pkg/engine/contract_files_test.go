package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func (s *suite) fileCases() []testCase {
	secretFile := engine.File{
		Path: "/run/deep/er/pass", Mode: 0o400, UID: 1234, GID: 567, Content: []byte("top\x00secret"),
	}
	return []testCase{
		{"files are there at start with owner and mode, and so are their parents", func(ctx context.Context, t *testing.T) {
			for _, readOnly := range []bool{false, true} {
				spec := s.spec("stat", secretFile.Path)
				spec.Files, spec.ReadOnly = []engine.File{secretFile}, readOnly
				_, out := s.output(ctx, t, spec)
				assert.Equal(t, "0400 1234:567\n", out)
				spec.Name, spec.Command = s.fresh(), []string{"stat", "/run/deep/er"}
				_, out = s.output(ctx, t, spec)
				assert.Equal(t, "0755 0:0\n", out)
				spec.Name, spec.Command, spec.User = s.fresh(), []string{"cat", secretFile.Path}, "1234:567"
				code, out := s.output(ctx, t, spec)
				assert.Equal(t, 0, code, out)
				assert.Equal(t, "top\x00secret", out)
			}
		}},
		{"directories that exist keep their mode", func(ctx context.Context, t *testing.T) {
			spec := s.spec("stat", "/etc")
			spec.Files = []engine.File{{Path: "/etc/conf", Mode: 0o644, Content: []byte("x")}}
			_, out := s.output(ctx, t, spec)
			assert.Equal(t, "0751 0:0\n", out)
		}},
		{"files below a directory of the image go there at once", func(ctx context.Context, t *testing.T) {
			spec := s.spec("stat", "/etc/new/er/pass")
			spec.Files = []engine.File{
				{Path: "/etc/new/er/pass", Mode: 0o400, UID: 7, GID: 8, Content: []byte("x")}, {Path: "/etc/conf", Mode: 0o644},
			}
			spec.FilesBelow = "/etc"
			for path, want := range map[string]string{
				"/etc/new/er/pass": "0400 7:8\n", "/etc/new/er": "0755 0:0\n", "/etc": "0751 0:0\n", "/etc/conf": "0644 0:0\n",
			} {
				spec.Name, spec.Command = s.fresh(), []string{"stat", path}
				_, out := s.output(ctx, t, spec)
				assert.Equal(t, want, out, path)
			}
		}},
		{"a file that cannot be put removes the container again", func(ctx context.Context, t *testing.T) {
			spec := s.spec("wait")
			spec.Files = []engine.File{{Path: "/program/below/a/file", Mode: 0o644}}
			_, err := s.ContainerCreate(ctx, spec)
			require.Error(t, err)
			_, err = s.ContainerInspect(ctx, spec.Name)
			require.ErrorIs(t, err, engine.ErrNotFound)
		}},
		{"files replace others in a running container", func(ctx context.Context, t *testing.T) {
			id := s.start(ctx, t, s.spec("wait"))
			for _, text := range []string{"one", "two"} {
				file := engine.File{Path: "/tmp/dir/file", Mode: 0o600, Content: []byte(text)}
				require.NoError(t, s.ContainerCopyTo(ctx, id, []engine.File{file}))
				res, err := s.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"/program", "cat", "/tmp/dir/file"}})
				require.NoError(t, err)
				assert.Equal(t, text, res.Stdout)
			}
		}},
	}
}

func (s *suite) mountCases() []testCase {
	return []testCase{
		{"a volume keeps what was written and tells its size", s.volumeKeeps},
		{"files go into a volume too", func(ctx context.Context, t *testing.T) {
			volume := s.volume(ctx, t)
			spec := s.spec("wait")
			spec.Mounts = []engine.Mount{{Volume: volume, Target: "/data"}}
			spec.Files = []engine.File{{Path: "/data/sub/file", Mode: 0o640, UID: 7, GID: 8, Content: []byte("in the volume")}}
			s.create(ctx, t, spec)
			reader := s.spec("stat", "/mnt/sub/file")
			reader.Mounts = []engine.Mount{{Volume: volume, Target: "/mnt"}}
			_, out := s.output(ctx, t, reader)
			assert.Equal(t, "0640 7:8\n", out)
		}},
		{"a directory of the host is mounted, read-only when asked", func(ctx context.Context, t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("from the host"), 0o644))
			spec := s.spec("cat", "/mnt/file")
			spec.Mounts = []engine.Mount{{Bind: dir, Target: "/mnt", ReadOnly: true}}
			_, out := s.output(ctx, t, spec)
			assert.Equal(t, "from the host", out)
			spec.Name, spec.Command = s.fresh(), []string{"write", "/mnt/file", "x"}
			code, _ := s.output(ctx, t, spec)
			assert.Equal(t, 1, code)
		}},
	}
}

func (s *suite) volumeKeeps(ctx context.Context, t *testing.T) {
	volume := s.volume(ctx, t)
	before, err := s.VolumeUsage(ctx, volume)
	require.NoError(t, err)
	spec := s.spec("fill", "/data/big", "3000000")
	spec.Mounts = []engine.Mount{{Volume: volume, Target: "/data"}}
	code, out := s.output(ctx, t, spec)
	require.Equal(t, 0, code, out)
	after, err := s.VolumeUsage(ctx, volume)
	require.NoError(t, err)
	assert.InDelta(t, 3_000_000, after-before, 100_000)
	reader := s.spec("stat", "/data/big")
	reader.Mounts = []engine.Mount{{Volume: volume, Target: "/data", ReadOnly: true}}
	_, out = s.output(ctx, t, reader)
	assert.Equal(t, "0644 0:0\n", out)
	reader.Name, reader.Command = s.fresh(), []string{"write", "/data/new", "x"}
	code, _ = s.output(ctx, t, reader)
	assert.Equal(t, 1, code)
}
