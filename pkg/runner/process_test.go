package runner_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
)

func TestStart(t *testing.T) {
	t.Parallel()
	t.Run("a program that is not there is an error", func(t *testing.T) {
		t.Parallel()
		_, err := runner.Start(runner.Command{Program: "/no/such/program"})
		require.Error(t, err)
	})
	t.Run("the process runs in a group of its own until it is stopped", func(t *testing.T) {
		t.Parallel()
		p, err := runner.Start(runner.Command{Program: "sleep", Args: []string{"60"}})
		require.NoError(t, err)
		group, err := syscall.Getpgid(p.Pid())
		require.NoError(t, err)
		assert.Equal(t, p.Pid(), group)
		require.NoError(t, p.Err(), "while it runs")
		p.Stop(5 * time.Second)
		<-p.Done()
		var exit *runner.ExitError
		require.ErrorAs(t, p.Err(), &exit)
		assert.Equal(t, -1, exit.Code)
		assert.ErrorIs(t, syscall.Kill(p.Pid(), 0), syscall.ESRCH)
	})
	t.Run("a process that ignores the request is killed after the grace", func(t *testing.T) {
		t.Parallel()
		ready := filepath.Join(t.TempDir(), "ready")
		p, err := runner.Start(runner.Command{
			Program: "sh", Args: []string{"-c", `trap '' TERM; : >"$1"; while :; do sleep 0.1; done`, "sh", ready},
		})
		require.NoError(t, err)
		require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, time.Minute, time.Millisecond)
		start := time.Now()
		p.Stop(100 * time.Millisecond)
		assert.GreaterOrEqual(t, time.Since(start), 100*time.Millisecond)
	})
	t.Run("the error quotes what the process said last", func(t *testing.T) {
		t.Parallel()
		p, err := runner.Start(runner.Command{Program: "sh", Args: []string{"-c", "echo no socket >&2; exit 3"}})
		require.NoError(t, err)
		<-p.Done()
		var exit *runner.ExitError
		require.ErrorAs(t, p.Err(), &exit)
		assert.Equal(t, 3, exit.Code)
		assert.Equal(t, "no socket", exit.Tail)
	})
}
