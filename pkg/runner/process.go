package runner

import (
	"errors"
	"os/exec"
	"strings"
	"sync"
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

// Start starts c and does not wait for it: the caller stops it. It runs in a process group of its own, so a
// Ctrl-C in the terminal does not reach it. c.Grace is ignored.
//
// A program that must not outlive this one even when it is killed has to see to that itself (an idle
// timeout): Linux's parent-death signal comes when the thread that started it ends, which Go decides.
func Start(c Command) (*Process, error) {
	cmd := exec.Command(c.Program, c.Args...) //nolint:noctx // it is meant to outlive the call that starts it
	cmd.Dir, cmd.Stdin = c.Dir, c.Stdin
	if len(c.Env) > 0 {
		cmd.Env = append(cmd.Environ(), c.Env...) // with PWD, if there is a Dir
	}
	p := &Process{cmd: cmd, stderr: &tailBuffer{max: maxTail}, done: make(chan struct{})}
	lock := &sync.Mutex{} // the two listeners may be the same
	cmd.Stdout, cmd.Stderr = serialised(c.Stdout, lock), tee(p.stderr, serialised(c.Stderr, lock))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = DefaultGrace
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
