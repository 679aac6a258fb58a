package runner

import (
	"os"
	"os/exec"
	"syscall"
)

// Detach starts c as a daemon: in a session of its own, with its output in log, or nowhere if that is nil, so
// that it outlives this process and its terminal. c.Stdin is passed on if it is an *os.File; c.Stdout, c.Stderr
// and c.Grace are ignored.
func Detach(c Command, log *os.File) (*Process, error) {
	cmd := exec.Command(c.Program, c.Args...) //nolint:noctx // it is meant to outlive the call that starts it
	cmd.Dir = c.Dir
	if len(c.Env) > 0 {
		cmd.Env = append(cmd.Environ(), c.Env...)
	}
	if log != nil {
		cmd.Stdout, cmd.Stderr = log, log
	}
	if file, ok := c.Stdin.(*os.File); ok {
		cmd.Stdin = file
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p := &Process{cmd: cmd, stderr: &tailBuffer{max: maxTail}, done: make(chan struct{})}
	return p, p.begin(c)
}
