package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/runner/runnertest"
)

// options are those of a machine on which only the programs named exist; each fails when it is run.
func options(t *testing.T, env map[string]string, programs ...string) engine.Options {
	t.Helper()
	bin, home := t.TempDir(), t.TempDir()
	for _, p := range programs {
		runnertest.WriteFile(t, filepath.Join(bin, p), "#!/bin/sh\nexit 1\n", 0o755)
	}
	all := map[string]string{"PATH": bin, "HOME": home}
	for k, v := range env {
		all[k] = v
	}
	return engine.Options{
		Getenv: func(k string) string { return all[k] }, CacheDir: t.TempDir(), RuntimeDir: shortDir(t),
		Runner: runner.Func(func(context.Context, runner.Command) (runner.Result, error) {
			return runner.Result{Code: 1}, errors.New("the program is a fake")
		}),
	}
}

// shortDir is short enough for a socket's path, which a test's own directory may not be.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e") //nolint:usetesting // that one is named after the test
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestOpen_refuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, want string
		env        map[string]string
		programs   []string
		reason     string
	}{
		{"an unknown engine", "lxc", nil, nil, `"lxc"`},
		{"podman without its program", "podman", nil, nil, `no program "podman"`},
		{
			"docker over ssh", "docker",
			map[string]string{"DOCKER_HOST": "ssh://me@prod"},
			[]string{"docker"},
			"DOCKER_HOST=ssh://prod is an engine on another machine",
		},
		{
			"docker on another machine", "docker",
			map[string]string{"DOCKER_HOST": "tcp://192.0.2.1:2375"},
			[]string{"docker"},
			"another machine",
		},
		{
			"docker over TLS", "docker",
			map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:2376", "DOCKER_TLS_VERIFY": "1"},
			[]string{"docker"},
			"TLS is not supported",
		},
		{
			"a scheme that is none", "docker",
			map[string]string{"DOCKER_HOST": "npipe:////./pipe/x"},
			[]string{"docker"},
			`scheme "npipe"`,
		},
		{
			"docker that does not answer", "docker",
			map[string]string{"DOCKER_HOST": "unix:///nowhere/docker.sock"},
			[]string{"docker"},
			"does not answer",
		},
		{
			"podman on another machine", "podman",
			map[string]string{"CONTAINER_HOST": "ssh://prod/run/podman.sock"},
			[]string{"podman"},
			"CONTAINER_HOST=ssh://prod",
		},
		{"podman that does not run", "podman", nil, []string{"podman"}, "ask podman for its version"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := options(t, tc.env, tc.programs...)
			o.Want = tc.want
			_, err := engine.Open(t.Context(), o)
			require.ErrorContains(t, err, tc.reason)
			assert.NotContains(t, err.Error(), "\n")
			left, err := filepath.Glob(filepath.Join(o.RuntimeDir, "*", "*"))
			require.NoError(t, err)
			assert.Empty(t, left, "a socket directory stays")
		})
	}
}

func TestOpen_auto(t *testing.T) {
	t.Parallel()
	t.Run("no engine lists each with its reason and the remedy", func(t *testing.T) {
		t.Parallel()
		_, err := engine.Open(t.Context(), options(t, nil))
		var unusable *engine.UnusableError
		require.ErrorAs(t, err, &unusable)
		require.Len(t, unusable.Rejected, 2)
		assert.Equal(t, engine.Podman, unusable.Rejected[0].Kind)
		assert.Equal(t, engine.Docker, unusable.Rejected[1].Kind)
		assert.Contains(t, err.Error(), "mage engine:install")
	})
	t.Run("a DOCKER_HOST puts docker first", func(t *testing.T) {
		t.Parallel()
		_, err := engine.Open(t.Context(), options(t, map[string]string{"DOCKER_HOST": "ssh://prod"}, "docker"))
		var unusable *engine.UnusableError
		require.ErrorAs(t, err, &unusable)
		assert.Equal(t, engine.Docker, unusable.Rejected[0].Kind)
	})
	t.Run("a cancelled context is no rejection", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := engine.Open(ctx, options(t, nil, "podman"))
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("a socket path that is too long is refused by name", func(t *testing.T) {
		t.Parallel()
		o := options(t, nil, "podman")
		o.RuntimeDir = filepath.Join(o.RuntimeDir,
			"a-directory-with-a-name-that-is-much-too-long-for-a-socket-below-it-on-any-system-that-there-is")
		_, err := engine.Open(t.Context(), o)
		require.ErrorContains(t, err, "XDG_RUNTIME_DIR")
	})
}

func TestOpen_dockerContext(t *testing.T) {
	t.Parallel()
	t.Run("the one in config.json is honoured", func(t *testing.T) {
		t.Parallel()
		o := options(t, nil, "docker")
		o.Want = "docker"
		contextFile(t, filepath.Join(o.Getenv("HOME"), ".docker"), "prod", "ssh://prod.example")
		require.NoError(t,
			os.WriteFile(filepath.Join(o.Getenv("HOME"), ".docker", "config.json"), []byte(`{"currentContext":"prod"}`), 0o644))
		_, err := engine.Open(t.Context(), o)
		require.ErrorContains(t, err, `/.docker/config.json=ssh://prod.example is an engine on another machine`)
		require.ErrorContains(t, err, "remedy: docker context use default;")
	})
	t.Run("the one in DOCKER_CONTEXT must exist", func(t *testing.T) {
		t.Parallel()
		o := options(t, map[string]string{"DOCKER_CONTEXT": "gone"}, "docker")
		o.Want = "docker"
		_, err := engine.Open(t.Context(), o)
		require.ErrorContains(t, err, `docker context "gone" of DOCKER_CONTEXT does not exist`)
		require.ErrorContains(t, err, "remedy: unset DOCKER_CONTEXT;")
	})
}

// contextFile keeps a docker context as docker does.
func contextFile(t *testing.T, config, name, host string) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	dir := filepath.Join(config, "contexts", "meta", hex.EncodeToString(sum[:]))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	meta := `{"Name":"` + name + `","Endpoints":{"docker":{"Host":"` + host + `"}}}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "meta.json"), []byte(meta), 0o644))
}

func TestStatus(t *testing.T) {
	t.Parallel()
	o := options(t, map[string]string{"DOCKER_HOST": "ssh://prod"}, "docker")
	candidates, err := engine.Status(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, candidates, 2)
	assert.Equal(t, engine.Docker, candidates[0].Kind)
	assert.Contains(t, candidates[0].Reason, "DOCKER_HOST=ssh://prod")
	assert.Equal(t, filepath.Join(o.Getenv("PATH"), "docker"), candidates[0].Program)
	assert.Equal(t, engine.Podman, candidates[1].Kind)
	assert.Empty(t, candidates[1].Program)
	for _, c := range candidates {
		assert.False(t, c.Works || c.Selected)
		assert.NotNil(t, c.Workarounds, "a list for machines")
	}
}

func TestOpen_deadSocket(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	var said []string
	o := options(t, map[string]string{"DOCKER_HOST": "unix://" + filepath.Join(dir, "s")}, "docker")
	o.Report = event.Sink(func(e event.Event) { said = append(said, e.Text) }).For("engine")
	_, err = engine.Open(t.Context(), o)
	var unusable *engine.UnusableError
	require.ErrorAs(t, err, &unusable)
	assert.Contains(t, unusable.Rejected[0].Reason, "does not answer")
	assert.Empty(t, said, "nothing was probed")
}
