package service

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
)

// listener names the process of this machine that listens on a port, or "" if that cannot be told: the sockets of
// other users are visible, their owners are not.
func listener(port engine.Port) string {
	inodes := map[string]bool{}
	table, state := "/proc/net/tcp", "0A"
	if port.Protocol == engine.UDP {
		table, state = "/proc/net/udp", "07"
	}
	for _, table := range []string{table, table + "6"} {
		for _, inode := range listening(table, state, port.Host) {
			inodes["socket:["+inode+"]"] = true
		}
	}
	if len(inodes) == 0 {
		return ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || !inodes[to] {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("process %s (%s)", filepath.Base(process), strings.TrimSpace(string(name)))
	}
	return ""
}

// listening returns the inodes of the sockets in a table of /proc/net that are on port in that state. Source:
// proc_net_tcp.txt of the kernel: column 2 is the address, 4 the state (0A listens; 07 is UDP's only one), 10 the
// inode.
func listening(table, state string, port uint16) []string {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer f.Close()
	var inodes []string
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && fields[3] == state && strings.HasSuffix(fields[1], suffix) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}
