package engine_test

import (
	"fmt"
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
)

// monitored is a process that looks like conmon's for a container, with a program that ends on SIGTERM, or not.
func monitored(t *testing.T, name, id, of, program string) *exec.Cmd {
	t.Helper()
	script := filepath.Join(t.TempDir(), "monitor")
	require.NoError(t, os.WriteFile(script, []byte(program+" & wait\n"), 0o600))
	cmd := exec.Command("bash", script, "-c", id, "-u", of, "-n", name)
	cmd.Args[0] = "/usr/bin/conmon"
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool {
		children := engine.Children(cmd.Process.Pid)
		if len(children) == 0 {
			return false
		}
		// a fork at first, with the arguments of its parent
		started, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", children[0]))
		return err == nil && !strings.Contains(string(started), name)
	}, time.Minute, time.Millisecond)
	return cmd
}

func TestContainerLost(t *testing.T) {
	t.Parallel()
	name := "poststack-test-" + strings.ToLower(filepath.Base(t.TempDir()))
	id := strings.Repeat("0123456789abcdef", 4)
	for _, program := range []string{"sleep 300", "bash -c 'trap \"\" TERM; exec sleep 300'"} {
		cmd := monitored(t, name, id, id, program)
		of := monitored(t, name, id, "a session of exec", "sleep 300")
		assert.Equal(t, []int{cmd.Process.Pid}, engine.Monitors(name), "not the other, which watches a command")
		ended := make(chan struct{})
		go func() { defer close(ended); _ = cmd.Wait() }()
		require.NoError(t, engine.EndMonitor(t.Context(), name))
		<-ended
		assert.Empty(t, engine.Monitors(name))
		for _, pid := range engine.Children(of.Process.Pid) { // its end is its monitor's
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		_ = of.Wait()
	}
}
