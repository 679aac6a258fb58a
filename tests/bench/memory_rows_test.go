//go:build bench

package bench_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// memory tells the most memory that a process had, resident.
func memory() group {
	return group{
		rows:  []string{"memory of our own process in setup", "memory of Liquibase in an update"},
		stack: true,
		prepare: func(s *site) []Row {
			server := s.stackServer()
			env := s.changelogEnv(server, 10, "bench")
			return []Row{
				{
					Name: "memory of our own process in setup", Unit: Megabytes, Goal: 60,
					Ours: &Probe{What: "poststack setup", Measure: s.peakOfSetup},
				},
				{
					Name: "memory of Liquibase in an update", Unit: Megabytes, Goal: 160,
					Ours: &Probe{
						What:    "java",
						Prepare: func(ctx context.Context) error { return server.recreate(ctx, "bench") },
						Measure: func(ctx context.Context) (float64, error) { return s.peakOfJava(ctx, env) },
					},
				},
			}
		},
	}
}

// peakOfSetup is what the kernel says of the compiled program after it has ended.
func (s *site) peakOfSetup(ctx context.Context) (float64, error) {
	cmd := s.command(ctx, nil, "setup")
	if err := must(cmd); err != nil {
		return 0, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	require.True(s, ok)
	return float64(usage.Maxrss) * 1024 / 1e6, nil
}

// peakOfJava is the peak of the launcher's resident memory during an update. It is asked while the process
// lives, every 5 ms: what it reaches in its last 5 ms is not seen.
func (s *site) peakOfJava(ctx context.Context, env []string) (float64, error) {
	done := make(chan error, 1)
	go func() { done <- s.compiled(env, "schema:update")(ctx) }()
	var peak float64
	for {
		select {
		case err := <-done:
			if err == nil && peak == 0 {
				err = errors.New("find the launcher's process: there was none")
			}
			return peak, err
		case <-time.After(5 * time.Millisecond):
			peak = max(peak, javaPeak())
		}
	}
}

// javaPeak is VmHWM of a launcher that runs now, or 0.
// Source: proc(5), /proc/pid/status.
func javaPeak() float64 {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		line, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(line, []byte("org.poststack.liquibase.Launcher")) ||
			!bytes.Contains(bytes.SplitN(line, []byte{0}, 2)[0], []byte("java")) {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "status")) // it may have ended since
		if found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); found != nil {
			kilobytes, _ := strconv.ParseFloat(string(found[1]), 64)
			return kilobytes * 1024 / 1e6
		}
	}
	return 0
}
