package enginetest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
)

// sockets are those that listen on 127.0.0.1 or on every address: port by inode.
// Source: proc(5), /proc/net/tcp; fields 2, 4 and 10, addresses in the machine's byte order, state 0A is LISTEN.
func sockets() map[string]uint16 {
	out := map[string]uint16{}
	file, err := os.Open("/proc/net/tcp")
	if err != nil {
		return out
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[3] != "0A" {
			continue
		}
		address, hexPort, _ := strings.Cut(f[1], ":")
		port, err := strconv.ParseUint(hexPort, 16, 16)
		if err == nil && (address == "0100007F" || address == "00000000") {
			out[f[9]] = uint16(port)
		}
	}
	return out
}

// listening are the ports that are taken on 127.0.0.1.
func listening() map[uint16]bool {
	out := map[uint16]bool{}
	for _, port := range sockets() {
		out[port] = true
	}
	return out
}

// forwarders finds the ports that an engine's programs hold for containers, and the programs.
func forwarders(kind engine.Kind) map[uint16]string {
	programs := map[string]bool{
		"conmon": kind == engine.Podman, "rootlessport": kind == engine.Podman, "docker-proxy": kind == engine.Docker,
	}
	open := sockets()
	out := map[uint16]string{}
	names, _ := filepath.Glob("/proc/[0-9]*/comm") // the pattern is well-formed
	for _, file := range names {
		name, err := os.ReadFile(file)
		program := strings.TrimSpace(string(name))
		if err != nil || !programs[program] {
			continue
		}
		links, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "fd", "*")) // likewise; another user's are closed
		for _, link := range links {
			target, _ := os.Readlink(link)
			if port, ok := open[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")]; ok {
				out[port] = fmt.Sprintf("%s, process %s", program, filepath.Base(filepath.Dir(file)))
			}
		}
	}
	return out
}
