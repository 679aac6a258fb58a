package session_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/session"
)

func TestAlive(t *testing.T) {
	t.Parallel()
	assert.True(t, session.Alive(session.Name()), "this process lives")
	assert.True(t, session.Alive(session.Process()), "whoever says nothing of where it ran is looked for here")
	pid, _, _ := strings.Cut(session.Process(), "@")
	assert.False(t, session.Alive(pid+"@1"), "a pid with another start time is another process")
	assert.False(t, session.Alive("1@0"))
	assert.True(t, session.Alive(pid+"@"), "without a start time the pid is all there is")
	for _, unknown := range []string{"whoever", "", "0@1", "-1@1", "x@y", "1@0@another-machine"} {
		assert.True(t, session.Alive(unknown), "what cannot be told is never swept: %q", unknown)
	}
}

func TestAlive_of_a_process_that_nobody_has_waited_for(t *testing.T) {
	t.Parallel()
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child.Process.Pid))
	require.NoError(t, err)
	name := fmt.Sprintf("%d@%s", child.Process.Pid, strings.Fields(string(stat))[21])
	assert.True(t, session.Alive(name))
	require.NoError(t, stdin.Close())
	assert.Eventually(t, func() bool { return !session.Alive(name) }, time.Minute, time.Millisecond,
		"a zombie cleans up no more")
	require.NoError(t, child.Wait())
	assert.False(t, session.Alive(name))
}

func TestSweepTemp(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	mine, err := os.MkdirTemp(parent, session.Temp("build")) //nolint:usetesting // the name is what is tested
	require.NoError(t, err)
	assert.Contains(t, mine, session.Mark())
	dead := filepath.Join(parent, "poststack-build-4194999-1-123")
	foreign := filepath.Join(parent, "poststack-build-notes")
	odd := filepath.Join(parent, "poststack-build-a-b-c")
	other := filepath.Join(parent, "poststack-other-4194999-1-123")
	for _, dir := range []string{dead, foreign, odd, other} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "buildah1"), 0o755))
	}
	session.SweepTemp(parent, "build")
	for _, dir := range []string{mine, foreign, odd, other} {
		assert.DirExists(t, dir)
	}
	assert.NoDirExists(t, dead)
}
