package runner

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is a program that runs beside this one.
type Process struct {
	cmd    *exec.Cmd
	stderr *tailBuffer
	done   chan struct{}
	err    error // of Wait; read it only after done
}

func newProcess(c Command) *Process {
	return &Process{cmd: c.exec(), stderr: &tailBuffer{max: maxTail}, done: make(chan struct{})}
}

// Start starts c and does not wait for it: the caller stops it. It runs in a process group of its own, so a
// Ctrl-C in the terminal does not reach it. c.Stdout, c.Stderr and c.Grace are ignored.
//
// A program that must not outlive this one even when it is killed has to see to that itself (an idle
// timeout): Linux's parent-death signal comes when the thread that started it ends, which Go decides.
func Start(c Command) (*Process, error) {
	p := newProcess(c)
	p.cmd.Stdin, p.cmd.Stderr = c.Stdin, p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = DefaultGrace
	return p, p.begin(c)
}

// begin starts the program, and waits for it beside the caller.
func (p *Process) begin(c Command) error {
	if err := p.cmd.Start(); err != nil {
		return startError(c, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return nil
}

// Pid is the process's ID.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how a process ended: nil while it runs and when its status was 0, otherwise an [*ExitError]
// without its arguments.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if p.err == nil || errors.Is(p.err, exec.ErrWaitDelay) {
		return nil
	}
	return &ExitError{
		Argv: []string{p.cmd.Path}, Code: p.cmd.ProcessState.ExitCode(),
		Tail: strings.TrimSpace(p.stderr.String()), Err: p.err,
	}
}

// Stop asks the process to end and kills it after grace. It signals the process alone: what it has started
// for others, such as containers, goes on. It returns when the process has ended.
func (p *Process) Stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}
