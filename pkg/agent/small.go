package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// makeParents makes the directories that files are in; "" is none.
func makeParents(paths ...string) error {
	for _, path := range paths {
		if path == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make the directory of %s: %w", path, err)
		}
	}
	return nil
}

// stops tells whether a signal asks to end.
func stops(s os.Signal) bool {
	return slices.Contains([]os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT}, s)
}

// signalOf is the signal of a name that the declaration was checked for.
func signalOf(name string) syscall.Signal { return unix.SignalNum(name) }

// ignored tells whether a signal is kept from the daemon. A terminal sends SIGWINCH whenever its window changes, which
// is no reason for a web server to end.
func (a *Agent) ignored(s os.Signal) bool {
	signal, ok := s.(syscall.Signal)
	return !ok || signal == syscall.SIGWINCH || slices.Contains(a.Declaration.Daemon.Ignore, unix.SignalName(signal))
}

// send passes a signal to the daemon.
func (a *Agent) send(s syscall.Signal) {
	if err := a.daemon.Signal(s); err != nil {
		a.log.Warn(fmt.Sprintf("pass a signal on: %v", err))
	}
}
