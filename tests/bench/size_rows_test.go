//go:build bench

package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/bench"
	"github.com/poststack/poststack/pkg/image"
)

// sizeRows tell how large the images are, unpacked.
func (s *site) sizeRows() []bench.Row {
	var rows []bench.Row
	for name, goal := range map[string]float64{"base-debian": 190, "postgres": 400, "liquibase": 270} {
		rows = append(rows, bench.Row{
			Name: "size of " + name, Unit: bench.Megabytes, Goal: goal,
			Ours: &bench.Probe{What: name, Measure: func(ctx context.Context) (float64, error) {
				img, err := s.engine.ImageInspect(ctx, image.LatestRef(name))
				return float64(img.SizeBytes) / 1e6, err
			}},
		})
	}
	return rows
}

// memoryRows tell the most memory that a process had, resident.
func (s *site) memoryRows() []bench.Row {
	base := s.c.URL(s.T)
	env := []string{"DATABASE_URL=" + databaseURL(s.T, base, "bench"), "POSTSTACK_CHANGELOG=bench/root.yaml"}
	return []bench.Row{
		{
			Name: "memory of our own process in setup", Unit: bench.Megabytes, Goal: 60,
			Ours: &bench.Probe{What: "poststack setup", Measure: func(ctx context.Context) (float64, error) {
				cmd := s.c.Command(ctx, nil, "setup")
				cmd.Path, cmd.Args[0] = s.program, s.program
				if err := must(cmd); err != nil {
					return 0, err
				}
				return float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) * 1024 / 1e6, nil
			}},
		},
		{
			Name: "memory of Liquibase in an update", Unit: bench.Megabytes, Goal: 160,
			Ours: &bench.Probe{
				What:    "java",
				Prepare: func(ctx context.Context) error { return recreate(ctx, base, "bench", "") },
				Measure: func(ctx context.Context) (float64, error) { return s.peakOfJava(ctx, env) },
			},
		},
	}
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
				err = fmt.Errorf("find the launcher's process: there was none")
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
		if err != nil || !bytes.Contains(line, []byte("org.poststack.liquibase.Launcher")) || !bytes.Contains(bytes.SplitN(line, []byte{0}, 2)[0], []byte("java")) {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "status"))
		if found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); found != nil {
			kilobytes, _ := strconv.ParseFloat(string(found[1]), 64)
			return kilobytes * 1024 / 1e6
		}
	}
	return 0
}

// append adds a comment to a file of the checkout, so that it differs from before.
func (s *site) append(name string, n int) error {
	f, err := os.OpenFile(filepath.Join(s.c.Dir, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "# bench %d %d\n", os.Getpid(), n)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// names are the images of the catalogue, parents first.
func (s *site) names() []string {
	images, err := image.LoadCatalogue(filepath.Join(s.c.Dir, "containers"))
	require.NoError(s, err)
	return images.Names()
}

// databaseURL is base with another database's name.
func databaseURL(t require.TestingT, base, name string) string {
	head, tail, found := strings.Cut(base, "?")
	i := strings.LastIndexByte(head, '/')
	require.Positive(t, i)
	if found {
		tail = "?" + tail
	}
	return head[:i+1] + name + tail
}
