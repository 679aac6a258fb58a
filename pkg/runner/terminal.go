package runner

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Terminal runs programs that talk to the user themselves. They get these files as their own, so nothing of
// what they print is kept, redacted or cut into lines.
type Terminal struct {
	Stdin, Stdout, Stderr *os.File
	Environ               []string // of the programs, before Command.Env; nil is the environment of this process
}

// Interactive tells whether a person can type to a program and see what it prints.
func (t Terminal) Interactive() bool {
	return term.IsTerminal(int(t.Stdin.Fd())) && term.IsTerminal(int(t.Stdout.Fd()))
}

// Run starts c with the terminal as its own and waits for it. It returns the exit status, 128 and the signal's
// number if a signal ended it; an error means that it did not start, or that ctx ended first. Of the streams of c only
// Stdout counts: what is set there takes what c prints, as it is, in the terminal's place.
//
// While c runs, its process group is the one that the terminal talks to: Ctrl-C reaches c and neither us nor
// mage, and Ctrl-Z stops c and then the whole command line, until the shell's fg. Afterwards the terminal is as
// it was, whatever c did to it.
func (t Terminal) Run(ctx context.Context, c Command) (int, error) {
	if err := ctx.Err(); err != nil {
		return -1, context.Cause(ctx)
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	cmd := exec.Command(c.Program, c.Args...) //nolint:noctx // the group is ended by wait
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Dir, t.Stdin, t.Stdout, t.Stderr
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	cmd.Env = append(t.environ(), c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	screen, ours := t.foreground()
	if ours {
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, screen.fd
		defer screen.restore()
	}
	if err := cmd.Start(); err != nil {
		return -1, startError(c, err)
	}
	if ours {
		go screen.lend(cmd.Process.Pid) // ends with the program
	}
	interrupted, err := wait(ctx, cmd, c.Grace)
	if interrupted {
		return -1, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return -1, err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// environ is a copy of what programs inherit.
func (t Terminal) environ() []string {
	if t.Environ == nil {
		return os.Environ()
	}
	return append([]string{}, t.Environ...)
}

// screen is the terminal that our process group is in the foreground of.
type screen struct {
	fd    int
	group int // ours
	state *term.State
}

// foreground finds the terminal, unless there is none, or another process group has it: a command in the
// background must not take it.
func (t Terminal) foreground() (screen, bool) {
	fd := int(t.Stdin.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return screen{}, false
	}
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || group != syscall.Getpgrp() {
		return screen{}, false
	}
	return screen{fd: fd, group: group, state: state}, true
}

// give makes group the one that the terminal talks to. The kernel would stop us for asking from the background.
func (s screen) give(group int) {
	signal.Ignore(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(s.fd, unix.TIOCSPGRP, group)
	signal.Reset(syscall.SIGTTOU)
}

// restore takes the terminal back and undoes what the program has set.
func (s screen) restore() {
	s.give(s.group)
	_ = term.Restore(s.fd, s.state)
}
