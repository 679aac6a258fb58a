package checkout

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// Images are the tags of the checkout's images.
func (c *Checkout) Images(t *testing.T, names ...string) []engine.Ref {
	t.Helper()
	images, err := image.LoadCatalogue(filepath.Join(c.Dir, "containers"))
	require.NoError(t, err)
	var refs []engine.Ref
	for _, name := range names {
		digest, err := images.Digest(name, Suite())
		require.NoError(t, err)
		refs = append(refs, image.DigestRef(name, digest))
	}
	return refs
}

// Daemon is a dockerd beside the machine's, with directories, a bridge and, as in Debian's unit, a containerd of its
// own, and without firewall rules, which it would share: ports are published by its proxy.
type Daemon struct {
	dir, bridge string
	containerd  *exec.Cmd
	process     *exec.Cmd
}

// NewDaemon makes what a daemon needs; it does not start it. It ends with the test.
func NewDaemon(t *testing.T) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "d") //nolint:usetesting // a short path: sockets lie below it
	require.NoError(t, err)
	d := &Daemon{dir: dir, bridge: fmt.Sprintf("pst%d", os.Getpid()%1e6)}
	t.Cleanup(func() {
		if d.process != nil {
			d.End(t)
		}
		if d.containerd != nil {
			end(t, d.containerd)
		}
		for _, shim := range ProcessesWith(filepath.Join(dir, "c")) { // of what ran in a dockerd that was killed
			_ = syscall.Kill(shim.PID, syscall.SIGKILL)
		}
		_ = syscall.Unmount(filepath.Join(dir, "data"), syscall.MNT_DETACH) // that of a daemon that was killed
		ip(t, "link", "del", d.bridge)
		assert.NoError(t, os.RemoveAll(dir))
	})
	ip(t, "link", "add", d.bridge, "type", "bridge")
	ip(t, "address", "add", fmt.Sprintf("10.213.%d.1/24", os.Getpid()%256), "dev", d.bridge)
	ip(t, "link", "set", d.bridge, "up")
	return d
}

// ip runs the program of that name, which must succeed, also while the test cleans up.
func ip(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "ip", args...).CombinedOutput()
	require.NoError(t, err, "ip %v: %s", args, out)
}

// URL is for DOCKER_HOST.
func (d *Daemon) URL() string { return "unix://" + filepath.Join(d.dir, "s") }

// Command is docker with args, on this daemon.
func (d *Daemon) Command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "docker", append([]string{"--host", d.URL()}, args...)...)
}

// Start returns when it answers. Its containerd runs until the test ends: one that dockerd starts itself is killed with
// it, and may then not start again beside what it has left.
func (d *Daemon) Start(t *testing.T) {
	t.Helper()
	at := func(name string) string { return filepath.Join(d.dir, name) }
	if d.containerd == nil {
		require.NoError(t, os.WriteFile(at("c.toml"), []byte(
			"version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"), 0o600))
		d.containerd = d.begin(t, "containerd", "--config", at("c.toml"), "--root", at("croot"), "--state", at("cstate"),
			"--address", at("c"))
	}
	d.process = d.begin(t, "dockerd", "--host", d.URL(), "--containerd", at("c"), "--pidfile", at("pid"),
		"--data-root", at("data"), "--exec-root", at("exec"), "--bridge", d.bridge, "--iptables=false", "--ip6tables=false")
	require.Eventually(t, func() bool { return d.Command(t.Context(), "version").Run() == nil }, time.Minute,
		50*time.Millisecond)
}

// begin starts a program that writes to the log.
func (d *Daemon) begin(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	return cmd
}

// End returns when it has ended, and its containers with it.
func (d *Daemon) End(t *testing.T) {
	t.Helper()
	end(t, d.process)
	d.process = nil
}

// end ends a program in its own way.
func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}

// Kill ends it without a chance to do anything. Its containers run on until it is started again.
func (d *Daemon) Kill(t *testing.T) {
	t.Helper()
	require.NoError(t, d.process.Process.Kill())
	_ = d.process.Wait()                       // which tells that it was killed
	_ = os.Remove(filepath.Join(d.dir, "pid")) // another process may get its number
	d.process = nil
}

// Load copies images of the machine's docker.
func (d *Daemon) Load(t *testing.T, refs []engine.Ref) {
	t.Helper()
	args := []string{"save"}
	for _, ref := range refs {
		args = append(args, string(ref))
	}
	save := exec.CommandContext(t.Context(), "docker", args...)
	load := d.Command(t.Context(), "load")
	var err error
	load.Stdin, err = save.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, save.Start())
	out, err := load.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, save.Wait())
}
