package runner_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/pkg/runner"
)

func TestDetach(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(file)
	require.NoError(t, err)
	p, err := runner.Detach(runner.Command{
		Program: "sh", Args: []string{"-c", "echo $WORD out; echo $WORD err >&2; exec sleep 60"},
		Env: []string{"WORD=started"},
	}, log)
	require.NoError(t, err)
	require.NoError(t, log.Close())
	defer p.Stop(5 * time.Second)
	session, err := unix.Getsid(p.Pid())
	require.NoError(t, err)
	assert.Equal(t, p.Pid(), session)
	assert.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		return err == nil && string(text) == "started out\nstarted err\n"
	}, time.Minute, 10*time.Millisecond)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	q, err := runner.Detach(runner.Command{Program: "cat", Stdin: read}, nil)
	require.NoError(t, err)
	require.NoError(t, read.Close())
	require.NoError(t, write.Close())
	<-q.Done()
	require.NoError(t, q.Err(), "it reads its standard input to the end, and may write nowhere")
	_, err = runner.Detach(runner.Command{Program: "/no/such/program"}, nil)
	require.Error(t, err)
}
