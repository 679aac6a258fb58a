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

// Session names this process as the owner of disposable things: its pid and its start time, since a pid alone
// is given again to others.
func Session() string {
	pid := os.Getpid()
	return fmt.Sprintf("%d@%s", pid, startTime(pid))
}

// alive tells whether the process that a session names still runs. What cannot be parsed counts as alive:
// nothing of an unknown owner is swept.
func alive(session string) bool {
	pidText, started, ok := strings.Cut(session, "@")
	pid, err := strconv.Atoi(pidText)
	if !ok || err != nil || pid <= 0 {
		return true
	}
	return startTime(pid) == started
}

// startTime is when pid started, in clock ticks since boot, or "" if there is no such process.
// Source: proc(5), /proc/pid/stat, field 22; the second field may hold spaces and ends with the last ")".
func startTime(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const startField = 22 - 3 // the slice begins with field 3
	if len(fields) <= startField {
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
