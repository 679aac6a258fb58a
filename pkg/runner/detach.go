package runner

import (
	"os"
	"syscall"
)

// Detach starts c as a daemon: in a session of its own, with its output in log, or nowhere if that is nil, so
// that it outlives this process and its terminal. c.Stdin is passed on if it is an *os.File; c.Stdout, c.Stderr
// and c.Grace are ignored.
func Detach(c Command, log *os.File) (*Process, error) {
	p := newProcess(c)
	if log != nil {
		p.cmd.Stdout, p.cmd.Stderr = log, log
	}
	if file, ok := c.Stdin.(*os.File); ok {
		p.cmd.Stdin = file
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return p, p.begin(c)
}
