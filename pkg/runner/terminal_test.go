package runner_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/pkg/runner"
)

// typist is a person at a terminal in which a program runs.
type typist struct {
	t    *testing.T
	tty  *os.File
	read *bufio.Reader
	cmd  *exec.Cmd
}

// sit starts this test's program, as the child of that role, in a terminal and a session of its own.
func sit(t *testing.T, role string) *typist {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], role)
	cmd.Env = append(os.Environ(), childEnv+"=terminal")
	tty, err := pty.Start(cmd)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, tty.Close()) })
	return &typist{t: t, tty: tty, read: bufio.NewReader(tty), cmd: cmd}
}

// see reads lines up to the one that has text, and returns it.
func (p *typist) see(text string) string {
	p.t.Helper()
	var before []string
	for {
		line, err := p.read.ReadString('\n')
		if strings.Contains(line, text) {
			return strings.TrimSpace(line)
		}
		require.NoError(p.t, err, "waiting for %q; it said %q", text, before)
		before = append(before, line)
	}
}

func (p *typist) press(keys string) {
	p.t.Helper()
	_, err := p.tty.WriteString(keys)
	require.NoError(p.t, err)
}

func TestTerminal_keysGoToTheProgram(t *testing.T) {
	t.Parallel()
	p := sit(t, "ask")
	p.press("one\n")
	p.see("whole one")
	p.press("\x1a") // Ctrl-Z: there is no shell here that could continue it, so it goes on by itself
	p.press("two\n")
	p.see("whole two")
	p.press("\x04") // the end of the input
	assert.Equal(t, "code 0, error <nil>, interactive true, signals 0", p.see("code"))
	require.NoError(t, p.cmd.Wait())
}

func TestTerminal_interruptsTheProgramAlone(t *testing.T) {
	t.Parallel()
	p := sit(t, "wait")
	p.see("ready")
	p.press("\x03")
	assert.Equal(t, "code 130, error <nil>, interactive true, signals 0", strings.TrimPrefix(p.see("code"), "^C"))
	require.NoError(t, p.cmd.Wait())
}

func TestTerminal_isAsBefore(t *testing.T) {
	t.Parallel()
	p := sit(t, "raw")
	p.see("ready")
	inside, err := unix.IoctlGetInt(int(p.tty.Fd()), unix.TIOCGPGRP)
	require.NoError(t, err)
	require.NotEqual(t, p.cmd.Process.Pid, inside, "the program has the terminal")
	modes, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	require.Zero(t, modes.Lflag&unix.ICANON, "the program has made it raw")
	require.NoError(t, syscall.Kill(inside, syscall.SIGKILL))
	p.see("code 137")
	require.NoError(t, p.cmd.Wait())
	modes, err = unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	assert.NotZero(t, modes.Lflag&unix.ICANON, "cooked again")
	assert.NotZero(t, modes.Lflag&unix.ECHO)
}

func TestTerminal_withoutOne(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	out, in, err := os.Pipe()
	require.NoError(t, err)
	term := runner.Terminal{Stdin: null, Stdout: in, Stderr: in, Environ: []string{"A=1", "B=2"}}
	assert.False(t, term.Interactive())
	code, err := term.Run(t.Context(),
		runner.Command{
			Program: "/bin/sh", Args: []string{"-c", "env | grep -E '^[ABC]=' | sort; exit 3"}, Env: []string{"C=3"},
		})
	require.NoError(t, err)
	assert.Equal(t, 3, code)
	require.NoError(t, in.Close())
	text := make([]byte, 100)
	n, err := out.Read(text)
	require.NoError(t, err)
	assert.Equal(t, "A=1\nB=2\nC=3\n", string(text[:n]))

	_, err = term.Run(t.Context(), runner.Command{Program: "/no/such/program"})
	require.ErrorIs(t, err, runner.ErrNotFound)

	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err = term.Run(ctx, runner.Command{Program: "/bin/sleep", Args: []string{"60"}})
	require.ErrorIs(t, err, cause, "it is not started")
}

func TestTerminal_endsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	out, in, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	done := make(chan error, 1)
	go func() {
		_, err := runner.Terminal{Stdin: out, Stdout: in, Stderr: in}.Run(ctx, runner.Command{
			Program: os.Args[0], Env: []string{childEnv + "=wait"},
		})
		done <- err
	}()
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "it is ready")
	cancel(cause)
	require.ErrorIs(t, <-done, cause)
	require.NoError(t, in.Close())
}
