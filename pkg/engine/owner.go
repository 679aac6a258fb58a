package engine

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ownName is this process as pid@starttime: a pid alone is used again sooner or later.
func ownName() string { return processName(os.Getpid()) }

// processName gives pid without a start time where there is no /proc.
func processName(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return strconv.Itoa(pid)
	}
	// The second field, the program's name, may hold spaces and brackets; the start time is the 20th after it.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return strconv.Itoa(pid)
	}
	return fmt.Sprintf("%d@%s", pid, fields[19])
}

// alive tells whether the process of that name still runs.
func alive(name string) bool {
	digits, _, _ := strings.Cut(name, "@")
	pid, err := strconv.Atoi(digits)
	if err != nil || pid <= 0 {
		return false
	}
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	return processName(pid) == name
}

// ownedByUs tells whether a file belongs to the user that this process runs as.
func ownedByUs(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid()
}
