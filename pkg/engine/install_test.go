package engine_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

const (
	bookworm = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"
	fedora   = "PRETTY_NAME=\"Fedora Linux 42\"\nID=fedora\n"
	jammy    = "PRETTY_NAME=\"Ubuntu 22.04\"\nID=ubuntu\nID_LIKE=debian\n"
)

// host records the commands of an installation and knows some packages.
type host struct {
	mu       sync.Mutex
	commands []string
	said     []string
	unknown  []string // packages that apt does not know; "*" is all
	broken   bool     // the engine does not work after the installation either
}

func (h *host) run(_ context.Context, c runner.Command) (runner.Result, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.Program == "apt-cache" {
		if name := c.Args[len(c.Args)-1]; slices.Contains(h.unknown, name) || slices.Contains(h.unknown, "*") {
			return runner.Result{Code: 100}, errors.New("no packages found")
		}
		return runner.Result{}, nil
	}
	h.commands = append(h.commands, strings.Join(append([]string{c.Program}, c.Args...), " "))
	return runner.Result{}, nil
}

// works fails until something was run, or the daemon has started.
func (h *host) works(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken || len(h.commands) == 0 {
		return errors.New("find a usable engine: none")
	}
	return nil
}

func (h *host) options(t *testing.T, want string, s engine.System, programs ...string) engine.InstallOptions {
	t.Helper()
	o := engine.InstallOptions{Options: options(t, nil, programs...), StateDir: t.TempDir(), System: s, Works: h.works}
	o.Want, o.Runner = want, runner.Func(h.run)
	o.Report = event.Sink(func(e event.Event) { h.said = append(h.said, e.Text) }).For("engine:install")
	o.System.Known, o.System.User = true, "alice"
	return o
}

const apt = "apt-get -o DPkg::Lock::Timeout=300 "

func TestInstall_apt(t *testing.T) {
	t.Parallel()
	dnsname := "golang-github-containernetworking-plugin-dnsname"
	for _, tc := range []struct {
		name, want, release string
		unknown             []string
		packages            string
	}{
		{"podman on Debian 12", "auto", bookworm, []string{dnsname}, "podman runc iptables uidmap slirp4netns " +
			"fuse-overlayfs ca-certificates mmdebstrap netavark aardvark-dns nftables passt"},
		{
			"podman on Ubuntu 22.04", "podman", jammy,
			[]string{"netavark", "aardvark-dns", "passt"},
			"podman runc iptables uidmap slirp4netns fuse-overlayfs ca-certificates mmdebstrap nftables " + dnsname,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := &host{unknown: tc.unknown}
			require.NoError(t,
				engine.Install(t.Context(), h.options(t, tc.want, engine.System{Root: true, Release: tc.release})))
			assert.Equal(t, []string{apt + "update", apt + "install -y --no-install-recommends " + tc.packages}, h.commands)
		})
	}
	t.Run("a working engine and mmdebstrap change nothing", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		o := h.options(t, "auto", engine.System{Root: true, Release: bookworm}, "mmdebstrap")
		o.Works = func(context.Context) error { return nil }
		require.NoError(t, engine.Install(t.Context(), o))
		assert.Empty(t, h.commands)
	})
	t.Run("a working engine gets mmdebstrap alone", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		o := h.options(t, "auto", engine.System{Root: true, Release: bookworm})
		o.Works = func(context.Context) error { return nil }
		require.NoError(t, engine.Install(t.Context(), o))
		assert.Equal(t, []string{apt + "update", apt + "install -y --no-install-recommends mmdebstrap uidmap"}, h.commands)
		h = &host{}
		o = h.options(t, "auto", engine.System{Release: bookworm})
		o.Works = func(context.Context) error { return nil }
		require.NoError(t, engine.Install(t.Context(), o))
		assert.Empty(t, h.commands)
		assert.Contains(t, strings.Join(h.said, "\n"), "mmdebstrap", "who is not root is told")
	})
	t.Run("an engine that does not work afterwards is an error", func(t *testing.T) {
		t.Parallel()
		h := &host{broken: true}
		err := engine.Install(t.Context(), h.options(t, "auto", engine.System{Root: true, Release: bookworm}))
		require.ErrorContains(t, err, "it is installed, but does not work")
	})
	t.Run("a failing apt is an error", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		o := h.options(t, "auto", engine.System{Root: true, Release: bookworm})
		o.Runner = runner.Func(func(context.Context, runner.Command) (runner.Result, error) {
			return runner.Result{Code: 100}, errors.New("unable to locate the mirror")
		})
		require.ErrorContains(t, engine.Install(t.Context(), o), "update the package lists: unable to locate the mirror")
	})
}

func TestInstall_refuses(t *testing.T) {
	t.Parallel()
	t.Run("elsewhere the packages are named", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		err := engine.Install(t.Context(), h.options(t, "auto", engine.System{Root: true, Release: fedora}))
		require.ErrorContains(t, err, "Fedora Linux 42")
		require.ErrorContains(t, err, "aardvark-dns")
		err = engine.Install(t.Context(), h.options(t, "docker", engine.System{Root: true, Release: ""}))
		require.ErrorContains(t, err, "this system")
		assert.Empty(t, h.commands)
	})
	t.Run("who is not root gets the exact commands", func(t *testing.T) {
		t.Parallel()
		h := &host{unknown: []string{"*"}} // the lists were never fetched
		err := engine.Install(t.Context(), h.options(t, "auto", engine.System{Release: bookworm}))
		require.EqualError(t, err, strings.Join([]string{
			"install an engine: this needs root; run:",
			"sudo apt-get update",
			"sudo apt-get install -y --no-install-recommends podman runc iptables uidmap slirp4netns fuse-overlayfs " +
				"ca-certificates mmdebstrap netavark aardvark-dns nftables",
			"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 alice",
		}, "\n  "))
		assert.Empty(t, h.commands)
	})
	t.Run("and for docker with systemd", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		err := engine.Install(t.Context(), h.options(t, "docker", engine.System{Release: bookworm, Systemd: true}, "dockerd"))
		require.ErrorContains(t, err,
			"run:\n  sudo systemctl enable --now docker\n  sudo usermod -aG docker alice   # then log in")
	})
}

// daemonHost is a host whose PATH has the test binary as dockerd, and whose DOCKER_HOST nobody answers yet.
func daemonHost(t *testing.T, h *host, systemd bool) (engine.InstallOptions, string) {
	t.Helper()
	socket := filepath.Join(shortDir(t), "s")
	self, err := os.Executable()
	require.NoError(t, err)
	o := h.options(t, "docker", engine.System{Root: true, Release: bookworm, Systemd: systemd})
	require.NoError(t, os.Symlink(self, filepath.Join(o.Getenv("PATH"), "dockerd")))
	getenv := o.Getenv
	o.Getenv = func(k string) string {
		if k == "DOCKER_HOST" {
			return "unix://" + socket
		}
		return getenv(k)
	}
	tries := 0
	o.Works = func(context.Context) error {
		if tries++; tries > 1 {
			return nil
		}
		return errors.New("find a usable engine: none")
	}
	return o, socket
}

func TestInstall_daemon(t *testing.T) {
	t.Parallel()
	t.Run("without systemd dockerd is started, with pid file and log", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		o, _ := daemonHost(t, h, false)
		pidFile := filepath.Join(o.StateDir, "dockerd.pid")
		require.NoError(t, os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getpid())), 0o600), "of a dockerd that was killed")
		require.NoError(t, engine.Install(t.Context(), o))
		data, err := os.ReadFile(pidFile)
		require.NoError(t, err)
		pid, err := strconv.Atoi(string(data))
		require.NoError(t, err)
		assert.NotEqual(t, os.Getpid(), pid)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		assert.FileExists(t, filepath.Join(o.StateDir, "dockerd.log"))
		assert.Empty(t, h.commands, "dockerd was there: no package is installed")
	})
	t.Run("a dockerd that ends is quoted", func(t *testing.T) {
		t.Parallel()
		o, socket := daemonHost(t, &host{}, false)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(socket), "broken"), nil, 0o600))
		err := engine.Install(t.Context(), o)
		require.ErrorContains(t, err, "Devices cgroup isn't mounted")
		require.ErrorContains(t, err, filepath.Join(o.StateDir, "dockerd.log"))
	})
	t.Run("a dockerd that ends is quoted where somebody takes its calls and says nothing", func(t *testing.T) {
		t.Parallel()
		o, socket := daemonHost(t, &host{}, false)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(socket), "broken"), nil, 0o600))
		mute, err := net.Listen("unix", socket)
		require.NoError(t, err)
		defer mute.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		require.ErrorContains(t, engine.Install(ctx, o), "dockerd ended: ")
	})
	t.Run("with systemd its unit is enabled", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		o, _ := daemonHost(t, h, true)
		ctx, cancel := context.WithCancel(t.Context())
		o.Runner = runner.Func(func(c context.Context, command runner.Command) (runner.Result, error) {
			defer cancel() // nothing will answer
			return h.run(c, command)
		})
		require.ErrorIs(t, engine.Install(ctx, o), context.Canceled)
		assert.Equal(t, []string{"systemctl enable --now docker"}, h.commands)
	})
}
