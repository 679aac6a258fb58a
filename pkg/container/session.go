package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
)

// Session names this process as the owner of disposable things: its pid, its start time, since a pid alone is
// given again to others, and where that pid means this process.
func Session() string {
	pid := os.Getpid()
	return fmt.Sprintf("%d@%s@%s", pid, startTime(pid), place())
}

// place names this machine and its pids: several machines, or containers, may share one engine, and none can
// tell whether a process of another lives.
// Source: namespaces(7), the link's text is the same for processes in one pid namespace.
func place() string {
	host, _ := os.Hostname()
	pids, _ := os.Readlink("/proc/self/ns/pid")
	return host + "/" + strings.Trim(pids, "pid:[]")
}

// alive tells whether the process that a session names still runs. What cannot be parsed, or ran elsewhere,
// counts as alive: nothing of an unknown owner is swept.
func alive(session string) bool {
	parts := strings.SplitN(session, "@", 3)
	pid, err := strconv.Atoi(parts[0])
	if len(parts) < 2 || err != nil || pid <= 0 || len(parts) == 3 && parts[2] != place() {
		return true
	}
	return startTime(pid) == parts[1]
}

// startTime is when pid started, in clock ticks since boot, or "" if there is no such process, or only what is
// left of it until its parent asks.
// Source: proc(5), /proc/pid/stat, fields 3 and 22; the second may hold spaces and ends with the last ")".
func startTime(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const startField = 22 - 3 // the slice begins with field 3
	if len(fields) <= startField || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[startField]
}

// Sweep removes the disposable containers and networks whose owner is dead, of every stack on this engine. It
// returns their names.
func Sweep(ctx context.Context, e Engine) ([]string, error) {
	var swept []string
	var problems []error
	containers, err := e.ContainerList(ctx, map[string]string{LabelDisposable: "true"})
	problems = append(problems, err)
	for _, c := range containers {
		if alive(c.Labels[LabelSession]) {
			continue
		}
		if err := e.ContainerRemove(ctx, c.ID); err != nil {
			problems = append(problems, err)
			continue
		}
		swept = append(swept, c.Name)
	}
	networks, err := e.NetworkList(ctx, map[string]string{LabelDisposable: "true"})
	problems = append(problems, err)
	for _, n := range networks {
		if alive(n.Labels[LabelSession]) {
			continue
		}
		if err := e.NetworkRemove(ctx, n.Name); err != nil && !errors.Is(err, engine.ErrNotFound) {
			problems = append(problems, err)
			continue
		}
		swept = append(swept, n.Name)
	}
	return swept, errors.Join(problems...)
}
