package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/runner"
)

func TestOpen_names_the_setting(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, want string
		env        map[string]string
		reason     string
		remedy     string
	}{
		{
			"DOCKER_HOST, a dead socket", "docker",
			map[string]string{"DOCKER_HOST": "unix:///nowhere/d.sock"},
			"DOCKER_HOST=unix:///nowhere/d.sock does not answer", "unset DOCKER_HOST, or start the engine that it names",
		},
		{
			"DOCKER_CONTEXT, a dead socket", "docker",
			map[string]string{"DOCKER_CONTEXT": "old"},
			`docker context "old" of DOCKER_CONTEXT=unix:///nowhere/old.sock does not answer`, "unset DOCKER_CONTEXT",
		},
		{
			"a context in the configuration", "docker",
			map[string]string{"DOCKER_CONFIG": "chosen"},
			`config.json=unix:///nowhere/old.sock does not answer`, "docker context use default",
		},
		{
			"a configuration that cannot be read", "docker",
			map[string]string{"DOCKER_CONFIG": "broken"},
			"config.json", "mend or remove",
		},
		{
			"TLS, which is not spoken", "docker",
			map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:2376", "DOCKER_TLS_VERIFY": "1"},
			"with TLS is not supported", "unset DOCKER_HOST",
		},
		{
			"CONTAINER_HOST, a dead socket", "podman",
			map[string]string{"CONTAINER_HOST": "unix:///nowhere/p.sock"},
			"CONTAINER_HOST=unix:///nowhere/p.sock does not answer", "unset CONTAINER_HOST",
		},
		{
			"CONTAINER_CONNECTION", "podman",
			map[string]string{"CONTAINER_CONNECTION": "prod"},
			"CONTAINER_CONNECTION=prod", "unset it, or name the socket with CONTAINER_HOST",
		},
		{
			"podman's configuration that is not there", "podman",
			map[string]string{"CONTAINERS_CONF": "/nowhere/containers.conf"},
			"CONTAINERS_CONF=/nowhere/containers.conf", "mage engine:install",
		},
		{
			"a variable that podman's errors do not name", "podman",
			map[string]string{"STORAGE_DRIVER": "zfs"},
			"(set in the environment: STORAGE_DRIVER=zfs)", "mage engine:install",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := options(t, tc.env, "docker", "podman")
			o = withContexts(t, o)
			o.Want = tc.want
			_, err := engine.Open(t.Context(), o)
			var unusable *engine.UnusableError
			require.ErrorAs(t, err, &unusable)
			assert.Contains(t, unusable.Rejected[0].Reason, tc.reason)
			assert.Contains(t, err.Error(), "remedy: "+tc.remedy)
		})
	}
}

// withContexts gives o's docker a context "old" that names a dead socket. DOCKER_CONFIG is the name of one of the
// directories that are made: one that chooses the context, one with a broken file.
func withContexts(t *testing.T, o engine.Options) engine.Options {
	t.Helper()
	home := o.Getenv("HOME")
	for _, dir := range []string{".docker", "chosen", "broken"} {
		contextFile(t, filepath.Join(home, dir), "old", "unix:///nowhere/old.sock")
	}
	require.NoError(t,
		os.WriteFile(filepath.Join(home, "chosen", "config.json"), []byte(`{"currentContext":"old"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, "broken", "config.json"), []byte(`{`), 0o600))
	getenv := o.Getenv
	o.Getenv = func(k string) string {
		if v := getenv(k); k == "DOCKER_CONFIG" && v != "" {
			return filepath.Join(home, v)
		}
		return getenv(k)
	}
	return o
}

func TestOpen_disguised(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"the package podman-docker": "podman version 4.3.1\n",
		"a link to podman":          "docker version 4.3.1\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, map[string]string{"DOCKER_HOST": "unix:///nowhere/d.sock"}, "docker", "podman")
			o.Runner = runner.Func(func(context.Context, runner.Command) (runner.Result, error) {
				return runner.Result{Stdout: says}, nil
			})
			o.Want = "docker"
			_, err := engine.Open(t.Context(), o)
			require.ErrorContains(t, err, "is not docker, it says")
			require.ErrorContains(t, err, "POSTSTACK_ENGINE=podman")
			assert.NotContains(t, err.Error(), "daemon", "there is none to be started")
			found, err := engine.Status(t.Context(), o)
			require.NoError(t, err)
			assert.Empty(t, found[0].Program, "it is no second engine")
		})
	}
}

func TestOpen_what_cannot_be_used(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for setting, change := range map[string]func(*engine.Options){
		"POSTSTACK_CACHE_DIR": func(o *engine.Options) { o.CacheDir = filepath.Join(file, "cache") },
		"XDG_RUNTIME_DIR":     func(o *engine.Options) { o.RuntimeDir = file },
		"HOME": func(o *engine.Options) {
			getenv := o.Getenv
			o.Getenv = func(k string) string {
				if k == "HOME" {
					return file
				}
				return getenv(k)
			}
		},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			o := options(t, nil, "podman")
			o.Want, o.Runner = "podman", runner.Func(func(context.Context, runner.Command) (runner.Result, error) {
				return runner.Result{Stdout: `{"Client": {"Version": "4.3.1"}}`}, nil
			})
			change(&o)
			_, err := engine.Open(t.Context(), o)
			require.ErrorContains(t, err, "remedy: let this user use "+file)
			require.ErrorContains(t, err, setting)
			assert.NotContains(t, err.Error(), "engine:install")
		})
	}
}

func TestUnsteered(t *testing.T) {
	t.Parallel()
	got := engine.Unsteered([]string{
		"DOCKER_CONTENT_TRUST=1", "DOCKER_DEFAULT_PLATFORM=linux/arm64", "DOCKER_API_VERSION=1.99", "DOCKER_EMPTY=",
		"DOCKER_CONFIG=/home/me/.docker", "HTTP_PROXY=http://proxy:3128", "PATH=/bin",
	})
	assert.Equal(t, []string{"DOCKER_CONTENT_TRUST=", "DOCKER_DEFAULT_PLATFORM=", "DOCKER_API_VERSION="}, got)
}

func TestInstall_where_a_setting_misleads(t *testing.T) {
	t.Parallel()
	h := &host{}
	o := h.options(t, "podman", engine.System{Root: true, Release: bookworm})
	o.Works = func(context.Context) error {
		return &engine.UnusableError{Rejected: []engine.Rejection{{
			Kind: engine.Podman, Reason: "CONTAINER_HOST=unix:///x does not answer", Remedy: "unset CONTAINER_HOST",
		}}}
	}
	require.ErrorContains(t, engine.Install(t.Context(), o),
		"nothing was installed, since that would not help: CONTAINER_HOST=")
	assert.Empty(t, h.commands)
}
