package container

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSession(t *testing.T) {
	t.Parallel()
	assert.True(t, alive(Session()), "this process lives")
	assert.False(t, alive("1@0"), "a pid with another start time is another process")
	assert.True(t, alive("whoever"), "what cannot be read is never swept")

	child := exec.Command("true")
	require.NoError(t, child.Start())
	pid := child.Process.Pid
	require.NoError(t, child.Wait())
	assert.Empty(t, startTime(pid), "an ended process has no start time")
}
