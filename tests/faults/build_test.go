package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/tests/checkout"
)

// fewImages is a copy of the checkout that has no images but the first one, and next to nothing in those that targets
// name. It is for an engine of the test's own: their tags are those of the real ones.
func (x *trial) fewImages() *checkout.Checkout {
	x.Helper()
	c := *x.bare.With("POSTSTACK_STACK=" + x.name + "-few")
	c.Dir = filepath.Join(filepath.Dir(x.Dir), "few")
	require.NoError(x, os.CopyFS(c.Dir, os.DirFS(x.Dir)))
	x.Cleanup(func() { assert.NoError(x, os.RemoveAll(c.Dir)) })
	all, err := filepath.Glob(filepath.Join(c.Dir, "containers", "*", "image.yaml"))
	require.NoError(x, err)
	for _, file := range all {
		dir := filepath.Dir(file)
		switch name := filepath.Base(dir); name {
		case "base-debian", checkout.SlowImage:
		case "postgres", "liquibase":
			require.NoError(x, os.RemoveAll(dir))
			require.NoError(x, os.CopyFS(dir, os.DirFS(filepath.Join(c.Dir, "containers", checkout.SlowImage))))
		default:
			require.NoError(x, os.RemoveAll(dir))
		}
	}
	return &c
}

// ownStore is an engine's store of the test's own, on a disk of that size, with the first image in it; command is the
// engine's own.
func (x *trial) ownStore(size string) (c *checkout.Checkout, store string, command func(args ...string) *exec.Cmd) {
	x.Helper()
	c = x.fewImages()
	base := x.Images(x.T, "base-debian")
	if x.kind == engine.Docker {
		d := checkout.NewDaemon(x.T)
		store = filepath.Join(filepath.Dir(strings.TrimPrefix(d.URL(), "unix://")), "data")
		require.NoError(x, os.Mkdir(store, 0o700))
		x.mounts("tmpfs", store, "tmpfs", 0, size)
		d.Start(x.T)
		d.Load(x.T, base)
		return c.With("DOCKER_HOST=" + d.URL()), store, func(args ...string) *exec.Cmd {
			return d.Command(x.Context(), args...)
		}
	}
	store = x.TempDir()
	x.mounts("tmpfs", store, "tmpfs", 0, size)
	conf := filepath.Join(store, "storage.conf")
	require.NoError(x, os.WriteFile(conf, fmt.Appendf(nil,
		"[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n",
		filepath.Join(store, "graph"), filepath.Join(store, "run")), 0o600))
	command = func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(x.Context(), "podman", args...)
		cmd.Env = append(os.Environ(), "CONTAINERS_STORAGE_CONF="+conf)
		return cmd
	}
	archive := filepath.Join(x.TempDir(), "base.tar")
	engineOutput(x.T, x.engine, "save", "--output", archive, string(base[0]))
	out, err := command("load", "--input", archive).CombinedOutput()
	require.NoError(x, err, "%s", out)
	return c.With("CONTAINERS_STORAGE_CONF=" + conf), store, command
}

// buildFull builds where the engine has no room for it, in a store of the test's own: what was good stays, and with
// room the same build goes on.
func (x *trial) buildFull() {
	c, store, images := x.ownStore("size=600m")
	x.goesOn(c, "build:all")
	slow := "localhost/poststack/" + checkout.SlowImage + ":latest"
	identity := func() string {
		out, err := images("image", "inspect", "--format", "{{.Id}}", slow).CombinedOutput()
		require.NoError(x, err, "%s", out)
		return string(out)
	}
	good := identity()
	c.SlowBuild(x.T, "dd if=/dev/zero of=/filler bs=1M count=400 status=none")
	out, err := compiled(c, "build:all").CombinedOutput()
	require.Error(x, err, "%s", out)
	assert.Contains(x, strings.ToLower(string(out)), "no space left on device")
	if identity() != good {
		x.lose("the last good image, by a build without room")
	}
	require.NoError(x, unix.Mount("", store, "", unix.MS_REMOUNT, "size=1500m"))
	x.goesOn(c, "build:all")
	left, err := images("ps", "--all", "--quiet").Output()
	require.NoError(x, err)
	for _, id := range strings.Fields(string(left)) {
		x.leave("container %s of a build", id)
	}
}

// builderKilled kills what builds an image in the midst of a step, as a machine without memory does: podman's build,
// after which the run that has begun it cleans up, or dockerd.
func (x *trial) builderKilled() {
	if x.kind == engine.Docker {
		x.buildingDockerdKilled()
		return
	}
	before := x.state(x.T)
	st := x.inBuild()
	x.before = x.disposables(x.T)
	r := checkout.Begin(x.T, compiled(x.Checkout, st.args...), false)
	require.Eventually(x, func() bool { return st.reached(r) }, time.Minute, 20*time.Millisecond)
	time.Sleep(time.Duration(x.random.Int64N(int64(200 * time.Millisecond)))) // the moment is what is tried here
	for _, p := range r.Processes() {
		if slices.Contains(p.Argv, "build") && filepath.Base(p.Argv[0]) == "podman" {
			x.Logf("killed %s", p)
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	assert.Equal(x, 4, r.Wait(x.T), "the exit status; it printed:\n%s", r.Output())
	x.settles(r, time.Now())
	st.repair()
	st.after()
	x.recovers(before)
}

// buildingDockerdKilled kills a dockerd of its own that builds: the run tells so, what was good stays, and the same
// build goes on once dockerd is there again.
func (x *trial) buildingDockerdKilled() {
	if os.Geteuid() != 0 {
		x.Skip("only root can start a second dockerd")
	}
	d := checkout.NewDaemon(x.T)
	d.Start(x.T)
	d.Load(x.T, x.Images(x.T, "base-debian"))
	c := x.fewImages().With("DOCKER_HOST=" + d.URL())
	x.goesOn(c, "build:all")
	slow := "localhost/poststack/" + checkout.SlowImage + ":latest"
	identity := func() string {
		out, err := d.Command(x.Context(), "image", "inspect", "--format", "{{.Id}}", slow).CombinedOutput()
		require.NoError(x, err, "%s", out)
		return string(out)
	}
	good := identity()
	c.SlowBuild(x.T, "sleep "+c.Marker())
	r := checkout.Begin(x.T, compiled(c, "build:all"), false)
	require.Eventually(x, func() bool { return len(checkout.ProcessesWith(c.Marker())) > 0 }, time.Minute,
		20*time.Millisecond)
	time.Sleep(time.Duration(x.random.Int64N(int64(200 * time.Millisecond)))) // the moment is what is tried here
	d.Kill(x.T)
	assert.Equal(x, 4, r.Wait(x.T), "the exit status; it printed:\n%s", r.Output())
	d.Start(x.T)
	if identity() != good {
		x.lose("the last good image, by a build that was killed with dockerd")
	}
	c.SlowBuild(x.T, "true")
	x.goesOn(c, "build:all")
	running, err := d.Command(x.Context(), "ps", "--quiet").Output()
	require.NoError(x, err)
	for _, id := range strings.Fields(string(running)) { // dockerd keeps the one of the step, which has ended
		x.leave("container %s of a build", id)
	}
}
