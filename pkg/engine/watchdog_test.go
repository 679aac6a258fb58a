package engine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/session"
)

// doomed makes disposable things, or builds, prints what it has, and waits to die.
func doomed(args []string) int {
	ctx := context.Background()
	kind, cache, image, work := args[0], args[1], engine.Ref(args[2]), args[3]
	e, err := engine.Open(ctx, engine.Options{Want: kind, Getenv: os.Getenv, CacheDir: cache})
	if err == nil && work == "program" {
		err = longProgram(ctx, e)
	} else if err == nil && work == "ask" {
		_, err = e.ContainerList(ctx, map[string]string{"test": "ask"})
	} else if err == nil && work == "build" {
		_, err = e.Build(ctx, engine.BuildSpec{Dir: args[4], Tags: []engine.Ref{image + "-built"}, Log: os.Stdout})
	} else if err == nil {
		err = litter(ctx, e, image, args[4])
	}
	if err == nil {
		fmt.Println("ready", session.Name())
		_, _ = io.Copy(io.Discard, os.Stdin)
		if work == "panic" {
			panic("as asked")
		}
		return 3
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// longProgram waits for a program that works in a temporary directory, as the bootstrap of a base image does.
func longProgram(ctx context.Context, e *engine.Engine) error {
	if err := e.Guard(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", session.Temp("long"))
	if err != nil {
		return err
	}
	_, err = runner.Exec{}.Run(ctx, runner.Command{
		Program: "sh", Args: []string{"-c", `echo ready $$; sleep 120; true`, "sh", dir}, Stdout: os.Stdout,
	})
	return err
}

// litter makes one disposable thing of each kind, all with that name.
func litter(ctx context.Context, e *engine.Engine, image engine.Ref, name string) error {
	if err := e.NetworkCreate(ctx, name, engine.NetworkOptions{Labels: session.Labels()}); err != nil {
		return err
	}
	if err := e.VolumeCreate(ctx, name, session.Labels()); err != nil {
		return err
	}
	id, err := e.ContainerCreate(ctx, engine.ContainerSpec{
		Name: name, Image: image, Command: []string{"sleep", "120s", name}, Labels: session.Labels(), Network: name,
		Mounts: []engine.Mount{{Volume: name, Target: "/kept"}},
	})
	if err != nil {
		return err
	}
	return e.ContainerStart(ctx, id)
}

// child is a doomed process.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	temp  string // its temporary directory
	lines *bufio.Scanner
}

// startDoomed starts one and waits for a line that begins with awaited.
func startDoomed(t *testing.T, kind engine.Kind, image engine.Ref, awaited string, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = append([]string{"doomed", string(kind), enginetest.Options(t, kind).CacheDir, string(image)}, args...)
	temp := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "XDG_RUNTIME_DIR=")
	// Its panic would look like one of this program in what go test prints.
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = said.Close()
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Log(string(text))
		}
	})
	cmd.Stderr = said
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	c := &child{cmd: cmd, stdin: stdin, temp: temp, lines: bufio.NewScanner(stdout)}
	for c.lines.Scan() {
		if strings.HasPrefix(c.lines.Text(), awaited) {
			return c
		}
	}
	require.Fail(t, "the process said nothing of "+awaited)
	return nil
}

// end reads the rest of the output: it ends when nobody holds the pipe any more.
func (c *child) end(t *testing.T) {
	t.Helper()
	start := time.Now()
	for c.lines.Scan() {
	}
	assert.Less(t, time.Since(start), time.Minute, "the watchdog holds no pipe of its owner")
	assert.Error(t, c.cmd.Wait())
}

func TestWatchdog(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		e := enginetest.Open(t, kind)
		image := enginetest.ProgramImage(t, e)
		base := strings.NewReplacer("localhost/", "", ":1", "").Replace(string(image))
		other := startDoomed(t, kind, image, "ready", "exit", base+"-other")
		defer func() {
			require.NoError(t, other.stdin.Close())
			other.end(t)
			assertGone(t, e, base+"-other")
		}()
		for _, tc := range []struct {
			name, how string
			die       func(c *child) error
		}{
			{"kill", "exit", func(c *child) error { return c.cmd.Process.Signal(syscall.SIGKILL) }},
			{"exit", "exit", func(c *child) error { return c.stdin.Close() }},
			{"panic", "panic", func(c *child) error { return c.stdin.Close() }},
		} {
			t.Run(tc.name, func(t *testing.T) {
				name := base + "-" + tc.name
				c := startDoomed(t, kind, image, "ready", tc.how, name)
				require.NoError(t, tc.die(c))
				c.end(t)
				assertGone(t, e, name)
				assert.Eventually(t, func() bool { return len(found(t, c.temp)) == 0 }, time.Minute, 20*time.Millisecond,
					"files left behind")
				assert.Len(t, left(t, e, base+"-other"), 3, "another session's things live on")
			})
		}
	})
}

// TestWatchdog_of_who_only_asks is about podman's service, which is there for that already.
func TestWatchdog_of_who_only_asks(t *testing.T) {
	needPodman(t)
	c := startDoomed(t, engine.Podman, "none", "ready", "ask")
	require.NoError(t, c.cmd.Process.Kill())
	killed := time.Now()
	left := func() []string {
		dirs, _ := filepath.Glob(filepath.Join(c.temp, "poststack-*", "p*")) // the pattern is well-formed
		return dirs
	}
	assert.Eventually(t, func() bool { return len(left()) == 0 }, time.Minute, 20*time.Millisecond)
	assert.Less(t, time.Since(killed), 10*time.Second)
	c.end(t)
}

// assertGone waits 10 seconds for a doomed process's things to go.
func assertGone(t *testing.T, e *engine.Engine, name string) {
	t.Helper()
	start := time.Now()
	assert.Eventually(t, func() bool { return len(left(t, e, name)) == 0 }, time.Minute, 50*time.Millisecond,
		"left behind")
	t.Logf("%s: gone after %s", name, time.Since(start).Round(time.Millisecond))
}

// left lists what is there under that name.
func left(t *testing.T, e *engine.Engine, name string) []string {
	t.Helper()
	var out []string
	if _, err := e.ContainerInspect(t.Context(), name); err == nil {
		out = append(out, "container")
	}
	if _, err := e.NetworkInspect(t.Context(), name); err == nil {
		out = append(out, "network")
	}
	if _, err := e.VolumeInspect(t.Context(), name); err == nil {
		out = append(out, "volume")
	}
	return out
}

func TestWatchdog_program(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := startDoomed(t, kind, "none", "ready", "program")
		pid := strings.TrimPrefix(c.lines.Text(), "ready ")
		require.NotEmpty(t, found(t, c.temp))
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGKILL))
		c.end(t) // of the program's output, too
		assert.Eventually(t, func() bool { _, err := os.Stat("/proc/" + pid); return err != nil }, time.Minute,
			20*time.Millisecond, "it runs on")
		assert.Eventually(t, func() bool { return len(found(t, c.temp)) == 0 }, time.Minute, 20*time.Millisecond,
			"files left behind")
	})
}

func TestWatchdog_build(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		e := enginetest.Open(t, kind)
		image := enginetest.ProgramImage(t, e)
		base := strings.NewReplacer("localhost/", "", ":1", "").Replace(string(image))
		dir := t.TempDir()
		run, err := json.Marshal([]string{"/program", "sleep", "120s", base})
		require.NoError(t, err)
		text := fmt.Sprintf("FROM %s\nENV MARK=%s\nRUN %s\n", image, base, run)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600))
		require.NoError(t, e.ImageTag(t.Context(), inspect(t, e, image).ID, image+"-built"))
		defer func() { assert.NoError(t, e.ImageRemove(t.Context(), image+"-built")) }()

		c := startDoomed(t, kind, image, "", "build", dir)
		require.NotEmpty(t, awaitProcesses(base, true), "the RUN step has begun")
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGKILL))
		start := time.Now()
		assert.Eventually(t, func() bool { return len(processes(base)) == 0 }, time.Minute, 20*time.Millisecond,
			"processes left behind")
		t.Logf("processes gone after %s", time.Since(start))
		assert.Eventually(t, func() bool { return len(enginetest.Notes(base)) == 0 }, time.Minute, 20*time.Millisecond,
			"working containers left behind")
		t.Logf("working containers gone after %s", time.Since(start))
		assert.Equal(t, inspect(t, e, image).ID, inspect(t, e, image+"-built").ID, "the last good image keeps its name")
		_ = c.cmd.Wait()
		assert.Eventually(t, func() bool { return len(found(t, c.temp)) == 0 }, time.Minute, 20*time.Millisecond,
			"files left behind")
	})
}

// found lists the temporary files in dir. Podman's API has an empty directory for those of all runs there.
func found(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.Name() != fmt.Sprintf("poststack-%d", os.Getuid()) {
			files = append(files, entry.Name())
		}
	}
	return files
}

func inspect(t *testing.T, e *engine.Engine, ref engine.Ref) engine.Image {
	t.Helper()
	img, err := e.ImageInspect(t.Context(), ref)
	require.NoError(t, err)
	return img
}
