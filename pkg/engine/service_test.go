package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
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
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func needPodman(t *testing.T) {
	t.Helper()
	if !slices.Contains(enginetest.Kinds(t), engine.Podman) {
		t.Skipf("%s=%q leaves podman out", enginetest.EnvEngines, os.Getenv(enginetest.EnvEngines))
	}
}

// worksIn are the working directories of what serves there.
func worksIn(t *testing.T, socket string) (dirs []string) {
	t.Helper()
	for _, pid := range serving(socket) {
		dir, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
		require.NoError(t, err)
		dirs = append(dirs, dir)
	}
	return dirs
}

func TestEngine_service(t *testing.T) {
	needPodman(t)
	t.Run("it starts with the first call and ends with Close", func(t *testing.T) {
		o := enginetest.Options(t, engine.Podman)
		o.RuntimeDir = shortDir(t)
		e, err := engine.Open(t.Context(), o)
		require.NoError(t, err)
		socket := strings.TrimPrefix(e.Info().Endpoint, "unix://")
		if o.Getenv("CONTAINER_HOST") != "" {
			t.Skip("CONTAINER_HOST names a service that is not ours")
		}
		_, err = e.ImageInspect(t.Context(), "localhost/poststack/no-such:1")
		require.ErrorIs(t, err, engine.ErrNotFound)
		assert.True(t, listens(socket))
		info, err := os.Stat(filepath.Dir(filepath.Dir(socket)))
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
		store := e.Info().StoreDir
		assert.DirExists(t, store)
		assert.Equal(t, []string{store}, worksIn(t, socket), "conmons would be in a directory that may go")
		assert.Equal(t, store, e.ExecCommand("any", engine.ExecSpec{}, false).Dir)
		require.NoError(t, e.Close())
		assert.False(t, listens(socket))
		assert.NoDirExists(t, filepath.Dir(socket))
		_, err = e.ImageInspect(t.Context(), "localhost/poststack/no-such:1")
		require.ErrorContains(t, err, "the engine is closed")
	})
	t.Run("what a dead owner has left is removed at once", func(t *testing.T) {
		o := enginetest.Options(t, engine.Podman)
		o.RuntimeDir = shortDir(t)
		e, err := engine.Open(t.Context(), o)
		require.NoError(t, err)
		socket := strings.TrimPrefix(e.Info().Endpoint, "unix://")
		require.NoError(t, e.Close())
		dead := filepath.Join(filepath.Dir(filepath.Dir(socket)), "p1")
		require.NoError(t, os.MkdirAll(dead, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dead, "owner"), []byte("999999999@1"), 0o600))
		e, err = engine.Open(t.Context(), o)
		require.NoError(t, err)
		require.NoError(t, e.Close())
		assert.NoDirExists(t, dead)
	})
	t.Run("calls at the same time start it once", func(t *testing.T) {
		e := enginetest.Open(t, engine.Podman)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				_, err := e.ImageInspect(t.Context(), "localhost/poststack/no-such:1")
				assert.ErrorIs(t, err, engine.ErrNotFound)
			})
		}
		group.Wait()
	})
	t.Run("it is back for the next call when it was killed", func(t *testing.T) {
		// What it has started holds its output, as a container's runtime does: until that ends, so does not its Wait.
		program, err := exec.LookPath("podman")
		require.NoError(t, err)
		dir := t.TempDir()
		text := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *system*service*) sleep 8 & ;; esac\nexec %s \"$@\"\n", program)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "podman"), []byte(text), 0o755))
		o := enginetest.Options(t, engine.Podman)
		o.CacheDir, o.RuntimeDir = t.TempDir(), shortDir(t)
		o.Getenv = func(name string) string {
			if name == "PATH" {
				return dir + ":" + os.Getenv(name)
			}
			return os.Getenv(name)
		}
		e, err := engine.Open(t.Context(), o)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		endpoint, err := e.Endpoint(t.Context())
		require.NoError(t, err)
		pids := serving(strings.TrimPrefix(endpoint, "unix://"))
		require.Len(t, pids, 1)
		require.NoError(t, syscall.Kill(pids[0], syscall.SIGKILL))
		require.Eventually(t, func() bool { return !listens(strings.TrimPrefix(endpoint, "unix://")) }, time.Minute,
			time.Millisecond)
		require.NoError(t, e.ContainerRemove(t.Context(), "no-such"))
	})
	t.Run("another user's directory is refused", func(t *testing.T) {
		o := enginetest.Options(t, engine.Podman)
		o.RuntimeDir = shortDir(t)
		open := filepath.Join(o.RuntimeDir, "poststack-"+strconv.Itoa(os.Getuid()))
		require.NoError(t, os.Mkdir(open, 0o755))
		require.NoError(t, os.Chmod(open, 0o777))
		_, err := engine.Open(t.Context(), o)
		require.ErrorContains(t, err, "mode 0700")
	})
}

// TestContainerWait_costsNothing has a look at what a container that is waited for costs podman.
func TestContainerWait_costsNothing(t *testing.T) {
	needPodman(t)
	e := enginetest.Open(t, engine.Podman)
	endpoint, err := e.Endpoint(t.Context())
	require.NoError(t, err)
	id, err := e.ContainerCreate(t.Context(), engine.ContainerSpec{
		Image: enginetest.ProgramImage(t, e), Command: []string{"sleep", "60s"},
		Labels: map[string]string{"org.poststack.test": "wait"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.ContainerRemove(context.WithoutCancel(t.Context()), id)) })
	require.NoError(t, e.ContainerStart(t.Context(), id))
	pids := serving(strings.TrimPrefix(endpoint, "unix://"))
	require.Len(t, pids, 1)
	const waited = 2 * time.Second
	before := processorTime(t, pids[0])
	ctx, cancel := context.WithTimeout(t.Context(), waited)
	defer cancel()
	_, err = e.ContainerWait(ctx, id)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, processorTime(t, pids[0])-before, waited/2, "of a processor, in %s", waited)
}

// processorTime is how long a process has had a processor. Source: proc_pid_stat(5), in hundredths of a second.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	require.NoError(t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var sum int
	for _, field := range fields[11:13] {
		ticks, err := strconv.Atoi(field)
		require.NoError(t, err)
		sum += ticks
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

func TestEngine_serviceOfADeadOwner(t *testing.T) {
	needPodman(t)
	o := enginetest.Options(t, engine.Podman)
	runtimeDir := shortDir(t)
	self, err := os.Executable()
	require.NoError(t, err)
	opener := filepath.Join(t.TempDir(), "opener")
	require.NoError(t, os.Symlink(self, opener))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, opener, o.CacheDir, runtimeDir)
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	endpoint, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err, "what the opener says first")
	socket := strings.TrimPrefix(strings.TrimSpace(endpoint), "unix://")
	require.NotEmpty(t, serving(socket))
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	assert.Eventually(t, func() bool { return len(serving(socket)) == 0 }, time.Minute, 100*time.Millisecond,
		"the service outlives its owner")
}

func listens(socket string) bool {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// serving finds the podman that serves a socket.
func serving(socket string) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var out []int
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(line), "unix://"+socket) && strings.Contains(string(line), "service") {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}
