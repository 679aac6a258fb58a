package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// leaky is a suite of tests that passes and, unless name is "", leaves things of that name behind.
type leaky struct {
	kind  engine.Kind
	image string
	name  string
}

// Run is part of what enginetest.Main runs.
func (l leaky) Run() int {
	ctx := context.Background()
	cache, err := enginetest.CacheDir()
	if err != nil {
		return 2
	}
	e, err := engine.Open(ctx, engine.Options{Want: string(l.kind), Getenv: os.Getenv, CacheDir: cache})
	if err != nil {
		return 2
	}
	defer func() { _ = e.Close() }()
	if l.name == "" {
		return 0
	}
	kept := map[string]string{"test": "leak"} // no session's label: no watchdog removes it
	_, err = e.ContainerCreate(ctx, engine.ContainerSpec{Name: l.name, Image: engine.Ref(l.image), Labels: kept})
	if err != nil || e.NetworkCreate(ctx, l.name, engine.NetworkOptions{}) != nil ||
		e.VolumeCreate(ctx, l.name, kept) != nil {
		return 2
	}
	if os.WriteFile(os.TempDir()+"/forgotten", nil, 0o600) != nil {
		return 2
	}
	child := exec.Command("sleep", "60")
	if child.Start() != nil {
		return 2
	}
	fmt.Println(child.Process.Pid)
	return 0
}

func TestLeakCheck(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		e := enginetest.Open(t, kind)
		image := enginetest.ProgramImage(t, e)
		name := strings.NewReplacer("localhost/", "", ":1", "").Replace(string(image)) + "-leak"
		t.Run("what is left is named", func(t *testing.T) {
			code, stdout, stderr := runLeaky(t, kind, image, name)
			t.Cleanup(func() { removeLeak(context.WithoutCancel(t.Context()), t, e, name, stdout) })
			assert.Equal(t, 1, code)
			for _, want := range []string{
				"container " + name + " on " + string(kind), "network " + name + " on " + string(kind),
				"volume " + name + " on " + string(kind), "/forgotten", "process " + strings.TrimSpace(stdout) + ": sleep 60",
			} {
				assert.Contains(t, stderr, "leak check: the tests left ")
				assert.Contains(t, stderr, want)
			}
			assert.Equal(t, 5, strings.Count(stderr, "leak check:"), "and nothing else: %s", stderr)
		})
		t.Run("what others leave is not looked at", func(t *testing.T) {
			require.NoError(t, e.VolumeCreate(t.Context(), name+"-other", map[string]string{"test": "leak"}))
			defer func() { assert.NoError(t, e.VolumeRemove(context.WithoutCancel(t.Context()), name+"-other")) }()
			code, _, stderr := runLeaky(t, kind, image, "")
			assert.Zero(t, code)
			assert.Empty(t, stderr)
		})
	})
}

// runLeaky runs a leaky suite and waits for its verdict.
func runLeaky(t *testing.T, kind engine.Kind, image engine.Ref, name string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = []string{"leaky", string(kind), string(image), name}
	cmd.Env = append(os.Environ(), "TMPDIR="+shortDir(t), enginetest.EnvEngines+"="+string(kind))
	// Files, not pipes: the process that it leaves would hold those.
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer func() { _ = out.Close() }()
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &complaints
	_ = cmd.Run()
	text, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return cmd.ProcessState.ExitCode(), string(text), complaints.String()
}

// removeLeak removes what a leaky suite has left; pid is of its process.
func removeLeak(ctx context.Context, t *testing.T, e *engine.Engine, name, pid string) {
	t.Helper()
	c, err := e.ContainerInspect(ctx, name)
	if assert.NoError(t, err) {
		assert.NoError(t, e.ContainerRemove(ctx, c.ID))
	}
	assert.NoError(t, e.NetworkRemove(ctx, name))
	assert.NoError(t, e.VolumeRemove(ctx, name))
	var number int
	_, err = fmt.Sscan(pid, &number)
	require.NoError(t, err)
	child, err := os.FindProcess(number)
	require.NoError(t, err)
	assert.NoError(t, child.Kill())
}
