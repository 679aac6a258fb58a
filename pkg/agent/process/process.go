// Package process starts programs for the first process of a container. That one inherits every orphan, and so has to
// reap what it never started: one goroutine, [Table.Reap], owns wait4, and os/exec, which waits by itself, is not used.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Table knows the processes that were started and not reaped yet.
type Table struct {
	// mu is held from the fork until the PID is known, and around wait4: so no child is reaped that nobody knows, and
	// no PID is signalled that belongs to another process by now.
	mu      sync.Mutex
	running map[int]*Process
}

// NewTable makes a table, and lets this process adopt orphans also where it is not the first one of a container.
func NewTable() (*Table, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("adopt orphans: %w", err)
	}
	return &Table{running: map[int]*Process{}}, nil
}

// Spec is a program to start. It gets a process group of its own: what a terminal sends to the first process, such as
// SIGWINCH when a window is resized, does not reach it.
type Spec struct {
	Argv           []string // the program first, by its absolute path
	Env            []string
	Dir            string // "" is that of this process
	Stdout, Stderr *os.File
}

// Process is a program that was started.
type Process struct {
	PID     int
	table   *Table
	started time.Time
	ended   time.Time
	done    chan struct{}
	status  syscall.WaitStatus
}

// Start starts a program; its standard input is empty.
func (t *Table) Start(s Spec) (*Process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("start %q: %w", s.Argv[0], err)
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Dir: s.Dir, Env: s.Env, Files: []uintptr{null.Fd(), s.Stdout.Fd(), s.Stderr.Fd()},
		Sys: &syscall.SysProcAttr{Setpgid: true},
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	pid, err := syscall.ForkExec(s.Argv[0], s.Argv, attr)
	if err != nil {
		return nil, fmt.Errorf("start %q: %w", s.Argv[0], err)
	}
	p := &Process{PID: pid, table: t, started: time.Now(), done: make(chan struct{})}
	t.running[pid] = p
	return p, nil
}

// Reap reaps every child that ends, until ctx ends.
func (t *Table) Reap(ctx context.Context) {
	ended := make(chan os.Signal, 1) // one that waits is enough: each time all are reaped
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	for {
		for t.reapOne() {
		}
		select {
		case <-ctx.Done():
			return
		case <-ended:
		}
	}
}

// reapOne reaps one child, and tells whether there was one.
func (t *Table) reapOne() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if errors.Is(err, syscall.EINTR) {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if p, ours := t.running[pid]; ours && (status.Exited() || status.Signaled()) {
		delete(t.running, pid)
		p.status, p.ended = status, time.Now()
		close(p.done)
	}
	return true
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Code is the exit status of a process that has ended, as shells give it: 128 and the number of the signal if one
// ended it.
func (p *Process) Code() int {
	<-p.done
	if p.status.Signaled() {
		return 128 + int(p.status.Signal())
	}
	return p.status.ExitStatus()
}

// settling is how long a program that has just been started may take until it handles a signal that it is sent.
const settling = 2 * time.Second

// Signal sends a signal to the process, unless it has ended. A signal that comes before the program has said what to do
// with it would end it, so that is waited for; a program that never says so gets it all the same.
func (p *Process) Signal(s syscall.Signal) error {
	for end := p.started.Add(settling); time.Now().Before(end) && !p.handles(s); {
		time.Sleep(5 * time.Millisecond)
	}
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	if _, runs := p.table.running[p.PID]; !runs {
		return nil
	}
	if err := syscall.Kill(p.PID, s); err != nil {
		return fmt.Errorf("send %s to process %d: %w", unix.SignalName(s), p.PID, err)
	}
	return nil
}

// handles tells whether the program catches or ignores a signal, or has ended.
func (p *Process) handles(s syscall.Signal) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(content)) {
		name, mask, _ := strings.Cut(line, ":")
		if name != "SigCgt" && name != "SigIgn" {
			continue
		}
		bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		if err != nil || bits&(1<<(uint(s)-1)) != 0 {
			return true
		}
	}
	return false
}

// Ran tells how long a process ran that has ended.
func (p *Process) Ran() time.Duration {
	<-p.done
	return p.ended.Sub(p.started)
}

// restTime is how long what is killed may take until it is gone.
const restTime = 5 * time.Second

// KillRest ends what is left of the group of a process that has ended, and waits until it is gone.
func (p *Process) KillRest() error {
	<-p.done
	for end := time.Now().Add(restTime); syscall.Kill(-p.PID, syscall.SIGKILL) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("end what process %d has left behind: it is there after %s", p.PID, restTime)
		}
	}
	return nil
}

// Kill ends the process, and what else is in its group, at once.
func (p *Process) Kill() {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	if _, runs := p.table.running[p.PID]; runs {
		_ = syscall.Kill(-p.PID, syscall.SIGKILL)
	}
}
