package checkout

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Process is a process of this machine.
type Process struct {
	PID  int
	Argv []string
}

func (p Process) String() string { return fmt.Sprintf("process %d %q", p.PID, p.Argv) }

// Processes lists those that the run started: they have its mark in their environment. What keeps a container
// running belongs to the container.
func (r *Run) Processes() []Process {
	return processesWhere(func(dir string, argv []string) bool {
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		keeper := []string{"conmon", "aardvark-dns", "dnsmasq"}
		return err == nil && bytes.Contains(env, []byte(markVariable+"="+r.mark+"\x00")) &&
			!slices.Contains(keeper, filepath.Base(argv[0]))
	})
}

// ProcessesWith lists those that have arg among their arguments; containers' processes are seen from here.
func ProcessesWith(arg string) []Process {
	return processesWhere(func(_ string, argv []string) bool { return slices.Contains(argv[1:], arg) })
}

func processesWhere(wanted func(dir string, argv []string) bool) (found []Process) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(line) == 0 { // ended, or only a zombie is left
			continue
		}
		argv := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && pid != os.Getpid() && wanted(dir, argv) {
			found = append(found, Process{pid, argv})
		}
	}
	return found
}
