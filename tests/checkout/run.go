package checkout

import (
	"bytes"
	"context"
	"errors"
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
)

// markVariable is in the environment of every process of a run, and so tells whose child a process is.
const markVariable = "E2E_RUN"

// Compiled is the program of mage install with args.
func (c *Checkout) Compiled(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.Dir, "bin", "poststack"), args...) //nolint:noctx // it is told to end by tests
	cmd.Dir, cmd.Env = c.Dir, c.Command(context.Background(), env).Env
	return cmd
}

// Run is a command under way.
type Run struct {
	Cmd    *exec.Cmd
	Temp   string   // its TMPDIR
	mark   string   // value of markVariable
	screen *os.File // our end of its terminal; nil if it has none
	tty    *os.File // its end
	before unix.Termios

	mu   sync.Mutex
	text bytes.Buffer
	read chan struct{} // closed at the end of the output
}

// Begin starts cmd with its output in a pipe, unless it has one, or on a terminal of its own whose foreground it is.
func Begin(t *testing.T, cmd *exec.Cmd, terminal bool) *Run {
	t.Helper()
	temp, err := os.MkdirTemp("", "e2e") //nolint:usetesting // a short path: sockets lie below it
	require.NoError(t, err)
	r := &Run{Cmd: cmd, mark: filepath.Base(temp), Temp: temp, read: make(chan struct{})}
	cmd.Env = append(cmd.Env, markVariable+"="+r.mark, "TMPDIR="+temp)
	t.Cleanup(func() { r.end(t) })
	if !terminal {
		if cmd.Stdout == nil {
			cmd.Stdout, cmd.Stderr = r, r
		}
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
	go func(screen *os.File) {
		defer close(r.read)
		buffer := make([]byte, 4096)
		for {
			n, err := screen.Read(buffer)
			_, _ = r.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}(r.screen)
	return r
}

// Write keeps what the command printed.
func (r *Run) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// Output is what the command has printed so far.
func (r *Run) Output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// termios are the settings of the terminal.
func (r *Run) termios(t *testing.T) unix.Termios {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(r.tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return *settings
}

// Wait returns the exit status as a shell gives it.
func (r *Run) Wait(t *testing.T) int {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		_ = r.Cmd.Wait() // with a pipe: until its last child has closed that, too
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		require.Fail(t, "it does not end", r.Output())
	}
	status, ok := r.Cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// CheckTerminal makes sure that the terminal is as it was: line discipline, cursor, screen.
func (r *Run) CheckTerminal(t *testing.T) {
	t.Helper()
	if r.screen == nil {
		return
	}
	assert.Equal(t, r.before, r.termios(t), "echo and line editing are as before")
	text := r.Output()
	assert.GreaterOrEqual(
		t,
		strings.LastIndex(text, "\x1b[?25h"),
		strings.LastIndex(text, "\x1b[?25l"),
		"the cursor is shown",
	)
	assert.GreaterOrEqual(
		t,
		strings.LastIndex(text, "\x1b[?1049l"),
		strings.LastIndex(text, "\x1b[?1049h"),
		"the screen is the normal one",
	)
}

// end makes sure that nothing of the run outlives the test, whatever that has found.
func (r *Run) end(t *testing.T) {
	t.Helper()
	for _, p := range r.Processes() {
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
	if r.screen != nil {
		_ = r.tty.Close()
		_ = r.screen.Close()
	}
	<-r.read
	assert.NoError(t, os.RemoveAll(r.Temp))
}

// CtrlC is what the user types; the kernel makes a signal of it for the terminal's foreground.
func (r *Run) CtrlC() error {
	_, err := r.screen.WriteString("\x03")
	return err
}

// Hangup closes the terminal, as a connection that breaks off does: its foreground gets SIGHUP.
func (r *Run) Hangup() error {
	screen := r.screen
	r.screen = nil
	return errors.Join(r.tty.Close(), screen.Close())
}
