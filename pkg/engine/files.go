package engine

import (
	"fmt"
	"syscall"
)

// leastFiles is how many files podman must be able to open at once. With five services 61 were measured. One that can
// open no more forgets the network of a container that runs (podman 4.3): from then on nobody reaches it by its name,
// and what was made for it stays when it is removed.
const leastFiles = 256

// enoughFiles refuses to start podman where it could open too few files.
func enoughFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("ask how many files may be open: %w", err)
	}
	return filesFor(limit.Max, func(n uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
	})
}

// filesFor judges a hard limit, which who has the right to may raise.
func filesFor(hard uint64, raise func(uint64) error) error {
	if hard >= leastFiles || raise(leastFiles) == nil {
		return nil
	}
	return mislead(fmt.Sprintf("raise the limit (ulimit -Hn), to %d or more", leastFiles), fmt.Errorf(
		"start podman's service: it may open %d files, and needs %d: with fewer it forgets the networks of containers "+
			"that run", hard, leastFiles))
}
