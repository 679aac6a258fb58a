package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// lostGrace is how long a program in a container that podman has lost sight of may take to end.
	lostGrace = 5 * time.Second
	// lostPoll is how often it is looked at.
	lostPoll = 20 * time.Millisecond
)

// monitor is the process of conmon that stands between podman and the program of one container.
type monitor struct {
	pid  int
	id   ContainerID
	name string
}

// ContainerLost lists the containers of that name which podman does not know, or does not take for running, while
// they are: podman died, or was killed, while it started them. Docker's daemon has none.
func (e *Engine) ContainerLost(ctx context.Context, name string) ([]ContainerID, error) {
	var ids []ContainerID
	lost, err := e.lost(ctx, name)
	for _, m := range lost {
		ids = append(ids, m.id)
	}
	return ids, err
}

// ContainerEndLost ends what [Engine.ContainerLost] lists.
func (e *Engine) ContainerEndLost(ctx context.Context, name string) error {
	lost, err := e.lost(ctx, name)
	for _, m := range lost {
		err = errors.Join(err, m.end(ctx, lostGrace))
	}
	return err
}

func (e *Engine) lost(ctx context.Context, name string) ([]monitor, error) {
	if e.info.Kind != Podman || e.service == nil {
		return nil, nil
	}
	var lost []monitor
	for _, m := range monitors() {
		if m.name != name {
			continue
		}
		c, err := e.ContainerInspect(ctx, string(m.id))
		if unlessAbsent(err) != nil {
			return nil, err
		}
		if err != nil || c.State == Created || c.State == Exited {
			lost = append(lost, m)
		}
	}
	return lost, nil
}

// endRemoved makes sure that nothing runs of a container that podman has just removed.
func (e *Engine) endRemoved(ctx context.Context, id ContainerID) error {
	if e.info.Kind != Podman || e.service == nil {
		return nil
	}
	for _, m := range monitors() {
		if m.id == id && !m.gone(ctx, lostGrace) { // it has its container's end to tell of
			return m.end(ctx, lostGrace)
		}
	}
	return nil
}

// monitors lists those of this machine. That of a command in a container stays for a while after both: it is none.
// Source: conmon(8), -c is the container's ID, -n its name, and -u what is watched: the container, or a session of
// exec.
func monitors() (found []monitor) {
	for pid, argv := range processes("conmon") {
		m, of := monitor{pid: pid}, ""
		for i, arg := range argv[:len(argv)-1] {
			switch arg {
			case "-c":
				m.id = ContainerID(argv[i+1])
			case "-n":
				m.name = argv[i+1]
			case "-u":
				of = argv[i+1]
			}
		}
		if m.pid > 1 && m.id != "" && of == string(m.id) {
			found = append(found, m)
		}
	}
	return found
}

// attended tells whether a process of podman's is at work for a container: its monitor, or the one that this leaves
// behind, which clears up and perhaps starts it again, with another monitor.
func attended(id ContainerID) bool {
	monitored := func() bool { return slices.ContainsFunc(monitors(), func(m monitor) bool { return m.id == id }) }
	if monitored() {
		return true
	}
	for _, argv := range processes("podman") {
		if slices.Contains(argv, string(id)) {
			return true
		}
	}
	return monitored()
}

// processes are those of this machine that run a program: their process IDs and arguments.
func processes(program string) iter.Seq2[int, []string] {
	return func(yield func(int, []string) bool) {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
		for _, file := range files {
			text, err := os.ReadFile(file)
			argv := strings.Split(string(text), "\x00")
			if err != nil || filepath.Base(argv[0]) != program {
				continue
			}
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file))) // it is digits
			if !yield(pid, argv) {
				return
			}
		}
	}
}

// end ends the container's program, at first in order, and with it the monitor.
func (m monitor) end(ctx context.Context, grace time.Duration) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for _, pid := range children(m.pid) {
			_ = syscall.Kill(pid, signal)
		}
		if m.gone(ctx, grace) {
			return nil
		}
	}
	return fmt.Errorf("end container %q, which podman has lost sight of: process %d goes on", m.name, m.pid)
}

// gone waits for the monitor's end, for at most limit.
func (m monitor) gone(ctx context.Context, limit time.Duration) bool {
	line := filepath.Join("/proc", strconv.Itoa(m.pid), "cmdline")
	for deadline := time.After(limit); ; {
		text, err := os.ReadFile(line)
		if err != nil || !bytes.Contains(text, []byte(m.id)) { // a zombie has no arguments
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-deadline:
			return false
		case <-time.After(lostPoll):
		}
	}
}

// children lists the processes that parent has started.
// Source: proc(5), /proc/pid/task/tid/children.
func children(parent int) (pids []int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err != nil {
		return nil
	}
	for _, word := range bytes.Fields(text) {
		if pid, err := strconv.Atoi(string(word)); err == nil && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}
