package container

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func TestSession(t *testing.T) {
	t.Parallel()
	own := Session()
	assert.True(t, alive(own), "this process lives")
	assert.True(t, alive(fmt.Sprintf("%d@%s", os.Getpid(), startTime(os.Getpid()))), "whoever says nothing of where it ran is looked for here")
	assert.False(t, alive("1@0"), "a pid with another start time is another process")
	for _, unknown := range []string{"whoever", "", "0@1", "-1@1", "x@y", "1@0@another-machine"} {
		assert.True(t, alive(unknown), "what cannot be told is never swept: %q", unknown)
	}

	child := exec.Command("true")
	require.NoError(t, child.Start())
	pid := child.Process.Pid
	require.NoError(t, child.Wait())
	assert.Empty(t, startTime(pid), "an ended process has no start time")
}

func TestSession_of_a_process_that_nobody_has_waited_for(t *testing.T) {
	t.Parallel()
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	session := fmt.Sprintf("%d@%s", child.Process.Pid, startTime(child.Process.Pid))
	assert.True(t, alive(session))
	require.NoError(t, stdin.Close())
	assert.Eventually(t, func() bool { return !alive(session) }, 5*time.Second, time.Millisecond, "a zombie cleans up no more")
	require.NoError(t, child.Wait())
}

func TestSplitRef(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"localhost/poststack/postgres:0123456789ab": "localhost/poststack/postgres 0123456789ab",
		"localhost/poststack/postgres":              "localhost/poststack/postgres latest",
		"registry.example:5000/postgres":            "registry.example:5000/postgres latest",
		"registry.example:5000/postgres:15":         "registry.example:5000/postgres 15",
		"debian":                                    "debian latest",
	} {
		name, tag := splitRef(engine.Ref(ref))
		assert.Equal(t, want, name+" "+tag)
	}
}
