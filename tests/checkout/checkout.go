// Package checkout serves tests that run the targets as a user does: mage, in a scratch copy of the checkout,
// with a stack of its own.
package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// Checkout is a scratch copy of this project with a stack of its own.
type Checkout struct {
	Dir   string
	State string // its state directory
	kind  engine.Kind
	env   []string // over the environment of the tests
	mage  string

	offset int // of its ports, see portOffset
}

// New copies the files that git knows or would add, so that a file nobody committed to is missed here
// and not by the first user. Its stack is removed when the test ends.
func New(t *testing.T, kind engine.Kind) *Checkout {
	t.Helper()
	c := &Checkout{Dir: filepath.Join(t.TempDir(), "checkout"), State: t.TempDir(), kind: kind, offset: portOffset(t)}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		copyFile(t, filepath.Join(root, name), filepath.Join(c.Dir, name))
	}
	// -trimpath lets the copy use what the checkout's own build has compiled: Go's cache then ignores where
	// files lie. The copy is no git clone, hence -buildvcs=false.
	c.env = []string{
		"POSTSTACK_ENGINE=" + string(kind), "POSTSTACK_STATE_DIR=" + c.State, "GOFLAGS=-trimpath -buildvcs=false",
		portOffsetEnv(c.offset),
	}
	if suite := os.Getenv(enginetest.EnvSuite); suite != "" {
		c.env = append(c.env, "POSTSTACK_DEBIAN_SUITE="+suite)
	}
	c.mage = buildMage(t, root)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
		defer cancel()
		if got := c.run(ctx, t, nil, "reset", "-yes"); got.Code != 0 {
			t.Errorf("remove the test's stack: %s", got.Stderr)
		}
	})
	return c
}

// Beside is a second checkout that looks for ports where the first one does, as two of a user.
func (c *Checkout) Beside(t *testing.T) *Checkout {
	t.Helper()
	other := New(t, c.kind)
	other.env = append(other.env, portOffsetEnv(c.offset))
	return other
}

// With is the same checkout with more in its environment: with another POSTSTACK_STACK, another stack of it.
func (c *Checkout) With(env ...string) *Checkout {
	other := *c
	other.env = slices.Concat(c.env, env)
	return &other
}

// portOffsetEnv is the variable that sets where ports are looked for.
func portOffsetEnv(offset int) string { return fmt.Sprintf("POSTSTACK_PORT_OFFSET=%d", offset) }

// Ranges of ports: how many there are, and how far apart they begin.
const (
	PortRanges = 11
	PortRange  = 2000
)

// taken are the ranges of ports that checkouts of this binary have.
var taken struct { //nolint:gochecknoglobals // for all tests of a binary
	sync.Mutex
	ranges [PortRanges]bool
}

// portOffset is for a range of ports that no other checkout has while the test runs: one that is stopped and started
// finds its ports free. The first range is that of users. All are below those that connections get (ip(7),
// ip_local_port_range).
func portOffset(t *testing.T) int {
	t.Helper()
	taken.Lock()
	defer taken.Unlock()
	free := slices.Index(taken.ranges[:], false)
	require.GreaterOrEqual(t, free, 0, "at most %d checkouts at a time", PortRanges)
	taken.ranges[free] = true
	t.Cleanup(func() {
		taken.Lock()
		defer taken.Unlock()
		taken.ranges[free] = false
	})
	return PortRange * free
}

// copyFile copies a file with its mode, and a link as a link. One that was deleted and not yet committed is none.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Lstat(from)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(target, to))
		return
	}
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, info.Mode().Perm()))
}

// Result is what a command printed and how it ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Mage runs targets in the checkout, with env over its own environment.
func (c *Checkout) Mage(t *testing.T, env []string, args ...string) Result {
	t.Helper()
	return c.run(t.Context(), t, env, args...)
}

func (c *Checkout) run(ctx context.Context, t *testing.T, env []string, args ...string) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := c.Command(ctx, env, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	r := Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	t.Logf("mage %s: exit status %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	return r
}

// Command is mage with args, as it is to be run in the checkout.
func (c *Checkout) Command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.mage, args...)
	cmd.Dir = c.Dir
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if name != "DATABASE_URL" && name != "LOG_LEVEL" && !strings.HasPrefix(name, "POSTSTACK_") &&
			!strings.HasPrefix(name, "GITHUB_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(append(cmd.Env, c.env...), env...)
	return cmd
}

// OK runs targets that must succeed.
func (c *Checkout) OK(t *testing.T, args ...string) Result {
	t.Helper()
	r := c.Mage(t, nil, args...)
	require.Zero(t, r.Code, "mage %s", strings.Join(args, " "))
	return r
}

// URL is the database's, from db:url, which prints nothing else.
func (c *Checkout) URL(t *testing.T) string {
	t.Helper()
	r := c.OK(t, "db:url")
	require.Empty(t, r.Stderr, "db:url prints the URL and nothing else")
	require.Equal(t, 1, strings.Count(r.Stdout, "\n"))
	return strings.TrimSpace(r.Stdout)
}

// Stack is the name of the checkout's stack.
func (c *Checkout) Stack(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(c.OK(t, "config:show").Stdout) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "stack" {
			return f[1]
		}
	}
	require.Fail(t, "config:show names no stack")
	return ""
}

// Write changes a file of the checkout, and puts it back when the test ends.
func (c *Checkout) Write(t *testing.T, name string, change func(string) string) {
	t.Helper()
	path := filepath.Join(c.Dir, filepath.FromSlash(name))
	before, err := os.ReadFile(path)
	existed := err == nil
	require.NoError(t, os.WriteFile(path, []byte(change(string(before))), 0o644))
	t.Cleanup(func() {
		if existed {
			require.NoError(t, os.WriteFile(path, before, 0o644))
		} else {
			require.NoError(t, os.Remove(path))
		}
	})
}

// linking is held while the mage command is linked.
var linking sync.Mutex //nolint:gochecknoglobals // for all tests of a binary

// buildMage makes the mage command of go.mod's version, as a user installs it. Linking takes a second of the processor:
// where the tests of a binary share a cache for mage, they share the command, too.
func buildMage(t *testing.T, root string) string {
	t.Helper()
	linking.Lock()
	defer linking.Unlock()
	path := filepath.Join(t.TempDir(), "mage")
	if cache := os.Getenv("MAGEFILE_CACHE"); cache != "" {
		path = filepath.Join(cache, "bin", "mage")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/magefile/mage")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "build mage: %s", out)
	return path
}
