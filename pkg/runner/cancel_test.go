package runner_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
)

// readPID reads a process's number.
func readPID(t *testing.T, text string) int {
	t.Helper()
	pid, err := strconv.Atoi(text)
	require.NoError(t, err)
	return pid
}

// running tells whether a process runs; a zombie does not.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if os.IsNotExist(err) {
		return false
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(fields, "Z") && syscall.Kill(pid, 0) == nil
}

func TestExec_Run_Cancelled(t *testing.T) {
	t.Parallel()
	enough := errors.New("the other phase failed")
	t.Run("before the start, nothing is started", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(enough)
		res, err := runner.Exec{}.Run(ctx, command(t, "exit", "0"))
		require.ErrorIs(t, err, enough)
		require.ErrorIs(t, err, context.Canceled)
		assert.ErrorContains(t, err, "the other phase failed (not started)")
		assert.Empty(t, res.Stdout)
		assert.Equal(t, -1, res.Code)
	})
	t.Run("a program ends by SIGTERM, and the error has the cause", func(t *testing.T) {
		t.Parallel()
		_, res, err := cancelled(t, command(t, "wait"), enough)
		var failed *runner.ExitError
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, enough)
		require.ErrorIs(t, err, context.Canceled)
		assert.ErrorContains(t, err, "the other phase failed (signal: terminated)")
		assert.Equal(t, -1, res.Code)
		assert.Less(t, res.Duration, runner.DefaultGrace, "it does not wait out the grace")
	})
	t.Run("one that then exits with 0 has not succeeded", func(t *testing.T) {
		t.Parallel()
		_, res, err := cancelled(t, command(t, "tidy"), enough)
		var failed *runner.ExitError
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, enough)
		assert.Zero(t, failed.Code)
		assert.ErrorContains(t, err, "the other phase failed (exit status 0)")
		assert.Equal(t, "ready\ntidied\n", res.Stdout, "it had time to clean up")
	})
	t.Run("one that does not want to is killed after the grace", func(t *testing.T) {
		t.Parallel()
		c := command(t, "stubborn")
		c.Grace = 150 * time.Millisecond
		_, res, err := cancelled(t, c, enough)
		require.ErrorIs(t, err, enough)
		assert.ErrorContains(t, err, "signal: killed")
		assert.GreaterOrEqual(t, res.Duration, c.Grace)
		assert.Less(t, res.Duration, runner.DefaultGrace)
	})
	t.Run("one that is stopped hears it too", func(t *testing.T) {
		t.Parallel()
		_, _, err := cancelled(t, command(t, "stopped"), enough)
		require.ErrorContains(t, err, "signal: terminated")
	})
	t.Run("a deadline is one too", func(t *testing.T) {
		t.Parallel()
		next := runner.WithTimeout(runner.Exec{}, 100*time.Millisecond)
		_, err := next.Run(t.Context(), command(t, "wait"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "no end within 100ms")
		_, err = runner.WithTimeout(runner.Exec{}, time.Minute).Run(t.Context(), command(t, "exit", "0"))
		require.NoError(t, err)
	})
}

func TestExec_Run_CancelledEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	for name, grandchild := range map[string]string{"that obeys": "wait", "that has to be killed": "stubborn"} {
		t.Run("with a grandchild "+name, func(t *testing.T) {
			t.Parallel()
			c := command(t, "parent", grandchild)
			c.Grace = 300 * time.Millisecond
			pid, _, err := cancelled(t, c, nil)
			require.ErrorIs(t, err, context.Canceled)
			assert.False(t, running(readPID(t, pid)), "Run returns when it has gone")
		})
	}
}

func TestExec_Run_CancelledAtTheVeryEnd(t *testing.T) {
	t.Parallel()
	t.Run("after the end, the status counts", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		res, err := runner.Exec{}.Run(ctx, command(t, "exit", "0"))
		cancel()
		require.NoError(t, err)
		assert.Zero(t, res.Code)
	})
	t.Run("at any moment, it is either a success or cancelled", func(t *testing.T) {
		t.Parallel()
		for i := range 40 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*500*time.Microsecond)
			res, err := runner.Exec{}.Run(ctx, command(t, "exit", "0"))
			cancel()
			if err == nil {
				assert.Equal(t, "to stdout\n", res.Stdout)
				continue
			}
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

func TestFunc(t *testing.T) {
	t.Parallel()
	want := errors.New("as told")
	f := runner.Func(func(_ context.Context, c runner.Command) (runner.Result, error) {
		return runner.Result{Stdout: c.Program}, want
	})
	res, err := runner.WithTimeout(f, time.Second).Run(t.Context(), runner.Command{Program: "podman"})
	require.ErrorIs(t, err, want)
	assert.Equal(t, "podman", res.Stdout)
}

func TestLook(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	for _, dir := range []string{"a", "b", "c/tool"} {
		require.NoError(t, os.MkdirAll(base+"/"+dir, 0o755))
	}
	require.NoError(t, os.WriteFile(base+"/a/tool", nil, 0o600))
	require.NoError(t, os.WriteFile(base+"/b/tool", nil, 0o700))
	path := strings.Join([]string{"", "relative", base + "/c", base + "/a", base + "/b"}, ":")
	assert.Equal(t, base+"/b/tool", runner.Look("tool", path))
	assert.Empty(t, runner.Look("other", path))
}
