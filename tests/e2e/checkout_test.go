// Package e2e_test runs the targets as a user does: mage, in a copy of the checkout, on real engines.
package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

// checkout is a scratch copy of this project with a stack of its own.
type checkout struct {
	dir   string
	state string // its state directory
	kind  engine.Kind
	env   []string // over the environment of the tests
}

// newCheckout copies the files that git knows or would add, so that a file nobody committed to is missed here
// and not by the first user. Its stack is removed when the test ends.
func newCheckout(t *testing.T, kind engine.Kind) *checkout {
	t.Helper()
	c := &checkout{dir: filepath.Join(t.TempDir(), "checkout"), state: t.TempDir(), kind: kind}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		copyFile(t, filepath.Join(root, name), filepath.Join(c.dir, name))
	}
	// -trimpath lets the copy use what the checkout's own build has compiled: Go's cache then ignores where
	// files lie. The copy is no git clone, hence -buildvcs=false.
	c.env = []string{"POSTSTACK_ENGINE=" + string(kind), "POSTSTACK_STATE_DIR=" + c.state, "GOFLAGS=-trimpath -buildvcs=false"}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
		defer cancel()
		if got := c.run(ctx, t, nil, "reset", "-yes"); got.code != 0 {
			t.Errorf("remove the test's stack: %s", got.stderr)
		}
	})
	return c
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

// result is what a command printed and how it ended.
type result struct {
	code           int
	stdout, stderr string
}

// mage runs targets in the checkout, with env over its own environment.
func (c *checkout) mage(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return c.run(t.Context(), t, env, args...)
}

func (c *checkout) run(ctx context.Context, t *testing.T, env []string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := c.command(ctx, env, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	r := result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	t.Logf("mage %s: exit status %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	return r
}

// command is mage with args, as it is to be run in the checkout.
func (c *checkout) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, mageProgram, args...)
	cmd.Dir = c.dir
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if name != "DATABASE_URL" && name != "LOG_LEVEL" && !strings.HasPrefix(name, "POSTSTACK_") && !strings.HasPrefix(name, "GITHUB_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(append(cmd.Env, c.env...), env...)
	return cmd
}

// ok runs targets that must succeed.
func (c *checkout) ok(t *testing.T, args ...string) result {
	t.Helper()
	r := c.mage(t, nil, args...)
	require.Zero(t, r.code, "mage %s", strings.Join(args, " "))
	return r
}

// url is the database's, from db:url, which prints nothing else.
func (c *checkout) url(t *testing.T) string {
	t.Helper()
	r := c.ok(t, "db:url")
	require.Empty(t, r.stderr, "db:url prints the URL and nothing else")
	require.Equal(t, 1, strings.Count(r.stdout, "\n"))
	return strings.TrimSpace(r.stdout)
}

// stack is the name of the checkout's stack.
func (c *checkout) stack(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(c.ok(t, "config:show").stdout) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "stack" {
			return f[1]
		}
	}
	require.Fail(t, "config:show names no stack")
	return ""
}

// write changes a file of the checkout, and puts it back when the test ends.
func (c *checkout) write(t *testing.T, name string, change func(string) string) {
	t.Helper()
	path := filepath.Join(c.dir, filepath.FromSlash(name))
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

// mageProgram is the mage command of go.mod's version, as a user installs it.
var mageProgram string //nolint:gochecknoglobals // made once by TestMain

func TestMain(m *testing.M) {
	os.Exit(testMain(m, os.Stderr))
}

// testMain builds mage and runs the tests.
func testMain(m *testing.M, out io.Writer) int {
	dir, err := os.MkdirTemp("", "poststack-mage-")
	if err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	defer os.RemoveAll(dir)
	mageProgram = filepath.Join(dir, "mage")
	if text, err := exec.Command("go", "build", "-o", mageProgram, "github.com/magefile/mage").CombinedOutput(); err != nil {
		fmt.Fprintf(out, "build mage: %v\n%s", err, text)
		return 1
	}
	return m.Run()
}
