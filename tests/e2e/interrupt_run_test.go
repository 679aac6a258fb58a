package e2e_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/tests/checkout"
)

// markVariable is in the environment of every process of a run, and so tells whose child a process is.
const markVariable = "E2E_RUN"

// launcher makes the command that runs targets in one of the ways in which people do.
type launcher func(c *checkout.Checkout, env []string, args ...string) *exec.Cmd

// mage is the mage command.
func mage(c *checkout.Checkout, env []string, args ...string) *exec.Cmd {
	return c.Command(context.Background(), env, args...)
}

// goTool is go tool mage.
func goTool(c *checkout.Checkout, env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", append([]string{"tool", "mage"}, args...)...)
	cmd.Dir, cmd.Env = c.Dir, mage(c, env).Env
	return cmd
}

// compiled is the program of mage install.
func compiled(c *checkout.Checkout, env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.Dir, "bin", "poststack"), args...)
	cmd.Dir, cmd.Env = c.Dir, mage(c, env).Env
	return cmd
}

// run is a command under way.
type run struct {
	cmd    *exec.Cmd
	mark   string   // value of markVariable
	temp   string   // its TMPDIR
	screen *os.File // our end of its terminal; nil if it has none
	tty    *os.File // its end
	before unix.Termios

	mu   sync.Mutex
	text bytes.Buffer
	read chan struct{} // closed at the end of the output
}

// begin starts cmd with its output in a pipe, or on a terminal of its own whose foreground it is.
func begin(t *testing.T, cmd *exec.Cmd, terminal bool) *run {
	t.Helper()
	temp, err := os.MkdirTemp("", "e2e") //nolint:usetesting // a short path: sockets lie below it
	require.NoError(t, err)
	r := &run{cmd: cmd, mark: filepath.Base(temp), temp: temp, read: make(chan struct{})}
	cmd.Env = append(cmd.Env, markVariable+"="+r.mark, "TMPDIR="+temp)
	t.Cleanup(func() { r.end(t) })
	if !terminal {
		cmd.Stdout, cmd.Stderr = r, r
		require.NoError(t, cmd.Start())
		close(r.read)
		return r
	}
	r.screen, r.tty, err = pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(r.screen, &pty.Winsize{Rows: 40, Cols: 120}))
	r.before = r.termios(t)
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r.tty, r.tty, r.tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	go func() {
		defer close(r.read)
		buffer := make([]byte, 4096)
		for {
			n, err := r.screen.Read(buffer)
			_, _ = r.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	return r
}

// Write keeps what the command printed.
func (r *run) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// output is what the command has printed so far.
func (r *run) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// termios are the settings of the terminal.
func (r *run) termios(t *testing.T) unix.Termios {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(r.tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return *settings
}

// wait returns the exit status as a shell gives it.
func (r *run) wait(t *testing.T) int {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		_ = r.cmd.Wait() // with a pipe: until its last child has closed that, too
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		require.Fail(t, "it does not end", r.output())
	}
	status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// checkTerminal makes sure that the terminal is as it was: line discipline, cursor, screen.
func (r *run) checkTerminal(t *testing.T) {
	t.Helper()
	if r.screen == nil {
		return
	}
	assert.Equal(t, r.before, r.termios(t), "echo and line editing are as before")
	text := r.output()
	assert.GreaterOrEqual(t, strings.LastIndex(text, "\x1b[?25h"), strings.LastIndex(text, "\x1b[?25l"),
		"the cursor is shown")
	assert.GreaterOrEqual(t, strings.LastIndex(text, "\x1b[?1049l"), strings.LastIndex(text, "\x1b[?1049h"),
		"the screen is the normal one")
}

// end makes sure that nothing of the run outlives the test, whatever that has found.
func (r *run) end(t *testing.T) {
	t.Helper()
	for _, p := range processes(r.mark) {
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	if r.screen != nil {
		_ = r.tty.Close()
		_ = r.screen.Close()
	}
	<-r.read
	assert.NoError(t, os.RemoveAll(r.temp))
}
