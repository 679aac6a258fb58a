package runner

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// pollGroup is how often a group that was told to end is looked at.
	pollGroup = 10 * time.Millisecond
	// afterKill is how long a killed group may take to vanish: a process that hangs in the kernel stays.
	afterKill = time.Second
)

// wait waits for cmd, which leads a process group, and ends the group when ctx ends first.
func wait(ctx context.Context, cmd *exec.Cmd, grace time.Duration) (interrupted bool, err error) {
	exited, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		endGroup(cmd.Process.Pid, grace, exited)
	})
	err = cmd.Wait()
	close(exited)
	if interrupted = !stop(); interrupted {
		<-ended
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the program itself ended well
	}
	return interrupted, err
}

// endGroup asks the process group to end, and kills what is left of it after grace. It returns when the
// leader has exited and the group is empty. A group's number is not used again while it has a member, so the
// signals can reach no one else's processes.
func endGroup(group int, grace time.Duration, exited <-chan struct{}) {
	_ = syscall.Kill(-group, syscall.SIGTERM)
	_ = syscall.Kill(-group, syscall.SIGCONT) // a stopped process hears SIGTERM only then
	if goneWithin(group, grace, exited) {
		return
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	goneWithin(group, afterKill, exited)
}

// goneWithin waits at most d for the leader to exit and the group to become empty.
func goneWithin(group int, d time.Duration, exited <-chan struct{}) bool {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	select {
	case <-exited:
	case <-deadline.C:
		return false
	}
	tick := time.NewTicker(pollGroup)
	defer tick.Stop()
	for groupAlive(group) {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// groupAlive tells whether a process of the group is left. Zombies do not count: in a container whose first
// process does not reap, they stay for ever.
func groupAlive(group int) bool {
	if err := syscall.Kill(-group, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return true // no /proc here: the kernel's word is all there is
	}
	for _, path := range stats {
		if stat, err := os.ReadFile(path); err == nil && runsIn(string(stat), group) {
			return true
		}
	}
	return false
}

// runsIn tells whether stat, a line of /proc/PID/stat, is of a process of the group that still runs. The
// fields after the program's name, which may hold anything, are state, parent and group.
func runsIn(stat string, group int) bool {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	return len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X"
}
