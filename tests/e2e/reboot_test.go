package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/tests/checkout"
)

// TestReboot ends containers as a reboot does, and then does what the machine does when it starts: what ran runs again,
// what was stopped stays down.
func TestReboot(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		if kind == engine.Docker {
			rebootDocker(t)
		} else {
			rebootPodman(t)
		}
	})
}

// rebootPodman kills the containers and runs what the unit of engine:install runs.
func rebootPodman(t *testing.T) {
	t.Helper()
	c := checkout.New(t, engine.Podman)
	e := enginetest.Open(t, engine.Podman)
	require.NoError(t, os.CopyFS(filepath.Join(c.Dir, "containers", "web"), os.DirFS(filepath.Join("testdata", "web"))))
	c.Write(t, "poststack.yaml", func(string) string { return "services: [web]\n" })
	w := &website{c, e, "poststack-" + c.Stack(t)}
	db := w.stack + "-postgres"
	state := func(name string) engine.State {
		t.Helper()
		found, err := e.ContainerInspect(t.Context(), name)
		require.NoError(t, err)
		return found.State
	}
	script := filepath.Join(c.State, "at-boot.sh")
	boot := func(how string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", script, how)
		cmd.Dir, cmd.Env = "/", []string{"HOME=" + os.Getenv("HOME"), "PATH=/usr/bin:/bin"} // as cron has it
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Logf("at-boot.sh %s: %s", how, out)
	}

	w.ok(t, "services:start")
	assert.Contains(t, w.ok(t, "status"), "stays down")
	// Not by the target, which would enable a unit on this machine.
	machine := engine.Boot{
		Dir: c.State, System: engine.System{Known: true, Root: true}, Runner: runner.Exec{}, Getenv: os.Getenv,
	}
	_, err := machine.Install(t.Context(), e.Info(), event.Reporter{})
	require.NoError(t, err)
	conn := connect(t, c.URL(t))
	_, err = conn.Exec(t.Context(), `create table kept as select 42 as answer`)
	require.NoError(t, err)

	for _, name := range []string{db, w.stack + "-web"} {
		require.NoError(t, e.ContainerKill(t.Context(), engine.ContainerID(name), "SIGKILL"))
		_, err = e.ContainerWait(t.Context(), engine.ContainerID(name))
		require.NoError(t, err)
	}
	boot("start")
	assertKept(t, c.URL(t))
	assert.Contains(t, w.ok(t, "services:start"), "web runs already", "and is healthy")

	boot("stop")
	assert.Equal(t, engine.Exited, state(db))
	assert.Zero(t, w.container(t).ExitCode, "it was ended in order")
	boot("start")
	assertKept(t, c.URL(t))

	w.ok(t, "services:stop", "-of=web")
	require.NoError(t, e.ContainerKill(t.Context(), engine.ContainerID(db), "SIGKILL"))
	boot("start")
	assertKept(t, c.URL(t))
	assert.Equal(t, engine.Exited, state(w.stack+"-web"), "what was stopped stays down")
	w.ok(t, "down")
	boot("start")
	assert.Equal(t, engine.Exited, state(db))
}

// rebootDocker ends and starts a dockerd of its own.
func rebootDocker(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a second dockerd")
	}
	c := checkout.New(t, engine.Docker)
	d := checkout.NewDaemon(t)
	d.Start(t)
	d.Load(t, c.Images(t, "base-debian", "postgres"))
	mage := func(args ...string) string {
		t.Helper()
		r := c.Mage(t, []string{"DOCKER_HOST=" + d.URL()}, args...)
		require.Zero(t, r.Code, r.Stderr)
		return r.Stdout
	}
	defer mage("reset", "-yes")
	mage("db:start")
	url := strings.TrimSpace(mage("db:url"))
	_, err := connect(t, url).Exec(t.Context(), `create table kept as select 42 as answer`)
	require.NoError(t, err)

	d.End(t)
	d.Start(t)
	assertKept(t, url)
	status := mage("status")
	assert.Contains(t, status, "running")
	assert.Contains(t, status, "comes back")

	mage("down")
	d.End(t)
	d.Start(t)
	assert.Contains(t, mage("status"), "exited", "what was stopped stays down")
}

// assertKept waits until the database answers, and looks for what was in it.
func assertKept(t *testing.T, url string) {
	t.Helper()
	var answer int
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return false
		}
		defer conn.Close(context.WithoutCancel(ctx))
		return conn.QueryRow(ctx, `select answer from kept`).Scan(&answer) == nil
	}, time.Minute, 50*time.Millisecond)
	assert.Equal(t, 42, answer)
}
