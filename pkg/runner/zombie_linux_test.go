package runner_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
)

// In a container whose first process does not reap, a dead grandchild stays in its group as a zombie. Here
// the test is the process that orphans go to, and it reaps none of them.
func TestExec_Run_CancelledDoesNotWaitForZombies(t *testing.T) {
	t.Parallel()
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
	require.Zero(t, errno)
	c := command(t, "parent", "wait")
	c.Grace = time.Minute
	pid, res, err := cancelled(t, c, nil)
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, res.Duration, runner.DefaultGrace)
	assert.False(t, running(readPID(t, pid)))
	assert.NoError(t, syscall.Kill(readPID(t, pid), 0), "the zombie is still there")
}
