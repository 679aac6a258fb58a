package service

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

const (
	memoryInfo  = "/proc/meminfo" // proc(5), of the machine also inside a container
	minShmBytes = 256 << 20       // engines give 64 MB, too little for parallel queries
)

// halfOfMemory is half of the machine's memory, as Linux itself allows a tmpfs by default (tmpfs(5)). It is a limit and
// takes nothing.
func halfOfMemory() int64 {
	f, err := os.Open(memoryInfo)
	if err != nil {
		return minShmBytes // another system, whose engine runs in a virtual machine
	}
	defer f.Close()
	return halfOf(f)
}

// halfOf is half of what MemTotal says, in whole steps of the least size.
func halfOf(info io.Reader) int64 {
	for lines := bufio.NewScanner(info); lines.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kib); n == 1 {
			return max(kib*1024/2/minShmBytes*minShmBytes, minShmBytes)
		}
	}
	return minShmBytes
}
