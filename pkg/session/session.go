// Package session tells whose a thing is that must not outlive the process which made it: containers, networks
// and volumes by a label, files and programs by a part of their names.
package session

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The labels of disposable things on an engine.
const (
	Label           = "org.poststack.session"    // who made it, see [Name]
	LabelDisposable = "org.poststack.disposable" // "true"
)

// Labels are those of a disposable thing that this process makes.
func Labels() map[string]string {
	return WithOrigin(map[string]string{LabelDisposable: "true", Label: Name()}, os.Getenv)
}

// Name names this process for other machines, too: its pid, its start time, since a pid alone is given again
// to others, and where that pid means this process.
func Name() string { return Process() + "@" + place() }

// Process names this process on this machine.
func Process() string {
	pid := os.Getpid()
	return fmt.Sprintf("%d@%s", pid, startTime(pid))
}

// Mark is what the names of this process's temporary files hold, and so the arguments of programs that work
// in them.
func Mark() string { return "-" + strings.Replace(Process(), "@", "-", 1) + "-" }

// Temp is the pattern of such names, for os.MkdirTemp: kind is one word that says what is in the file.
func Temp(kind string) string { return tempPrefix + kind + Mark() }

const tempPrefix = "poststack-"

// SweepTemp removes the directories of that kind below parent whose process has died.
func SweepTemp(parent, kind string) {
	prefix := tempPrefix + kind + "-"
	dirs, _ := filepath.Glob(filepath.Join(parent, prefix+"*-*-*")) // a parent with brackets is not swept
	for _, dir := range dirs {
		part := strings.Split(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		if len(part) == 3 && !Alive(part[0]+"@"+part[1]) {
			_ = os.RemoveAll(dir)
		}
	}
}

// place names this machine and its pids: several machines, or containers, may share one engine, and none can
// tell whether a process of another lives.
// Source: namespaces(7), the link's text is the same for processes in one pid namespace.
func place() string {
	host, _ := os.Hostname()
	pids, _ := os.Readlink("/proc/self/ns/pid")
	return host + "/" + strings.Trim(pids, "pid:[]")
}

// Alive tells whether the process still runs that [Name] or [Process] named. What cannot be parsed, or ran
// elsewhere, counts as alive: nothing of an unknown owner is swept.
func Alive(name string) bool {
	parts := strings.SplitN(name, "@", 3)
	pid, err := strconv.Atoi(parts[0])
	if len(parts) < 2 || err != nil || pid <= 0 || len(parts) == 3 && parts[2] != place() {
		return true
	}
	if parts[1] == "" { // named where there is no /proc
		return syscall.Kill(pid, 0) != syscall.ESRCH
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
