package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/moby/api/types/container"
)

// networkLost tells whether a container runs that has a network and no address there: podman (4.3) forgets them when it
// cannot open any more files.
func networkLost(r container.InspectResponse) bool {
	if r.State == nil || stateOf(r.State.Status) != Running || r.NetworkSettings == nil {
		return false
	}
	for name, ep := range r.NetworkSettings.Networks {
		if name == "host" || name == "none" || ep == nil || ep.IPAddress.IsValid() || ep.GlobalIPv6Address.IsValid() {
			return false
		}
	}
	return len(r.NetworkSettings.Networks) > 0
}

// namesDir is where podman's netavark keeps, in a file for each network, what its name server answers with: on the
// first line the addresses where it listens, and then for each container its ID, its addresses and its names.
// Source: aardvark-dns, config; containers/common, libnetwork/network, netavarkRunDir.
const namesDir = "/run/containers/networks/aardvark-dns"

// dropLeftNames takes from the name server what earlier containers of the same name have left: podman leaves it when it
// is killed, or has forgotten the container's network, and whoever asks for the name then is led to nobody.
func dropLeftNames(c container.InspectResponse) error {
	if c.NetworkSettings == nil {
		return nil
	}
	changed := false
	for network := range c.NetworkSettings.Networks {
		path := filepath.Join(namesDir, network)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the names in network %q: %w", network, err)
		}
		kept := withoutLeftNames(string(text), c.ID, strings.TrimPrefix(c.Name, "/"))
		if kept == string(text) {
			continue
		}
		if err := os.WriteFile(path, []byte(kept), 0o600); err != nil { // the mode is that of the file there
			return fmt.Errorf("drop names that were left in network %q: %w", network, err)
		}
		changed = true
	}
	if changed {
		readNamesAgain()
	}
	return nil
}

// withoutLeftNames drops the lines of other containers that have the name of this one. Podman has no two of one name.
func withoutLeftNames(text, id, name string) string {
	lines := slices.Collect(strings.Lines(text))
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] == id {
			return false
		}
		first, _, _ := strings.Cut(fields[len(fields)-1], ",")
		return first == name
	}), "")
}

// readNamesAgain has the name server read its files. Without one, the next to start does.
func readNamesAgain() {
	if pid := readPID(filepath.Join(namesDir, "aardvark.pid")); pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGHUP)
	}
}

// dropNetworkNames removes the file that an earlier network of the same name has left: its first line holds the name
// server to an address that nobody asks any more.
func dropNetworkNames(network string) error {
	if err := os.Remove(filepath.Join(namesDir, network)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop the names of an earlier network: %w", err)
	}
	return nil
}
