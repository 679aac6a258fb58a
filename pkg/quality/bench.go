package quality

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/runner"
)

// benchFiles are where results are kept, below the checkout: the latest, which git ignores, and those that a
// later run is held against.
const (
	benchLatest = "logs/bench.json"
	benchChart  = "logs/bench.svg"
	benchKept   = "docs/benchmarks/kept.json"
	benchPlot   = "docs/benchmarks/kept.svg"
)

// BenchOptions say what is measured.
type BenchOptions struct {
	Rounds int    // of every row; 0 is 5
	Rows   string // a pattern for the names of rows; "" is all
	Peers  bool   // also measure peers that have to be fetched and built first, which takes minutes
	Check  bool   // fail when a ratio got worse than the kept one
	Keep   bool   // keep this result as the one that later runs are held against
}

// Bench measures Poststack against what people use for the same work, by turns, on each engine under test. It
// prints least, median and greatest of every row, and the ratios pair by pair.
func (p Project) Bench(ctx context.Context, o BenchOptions) error {
	if o.Rounds == 0 {
		o.Rounds = 5
	}
	if _, err := regexp.Compile(o.Rows); err != nil || o.Rounds < 0 {
		return &OptionError{fmt.Sprintf("measure -rounds %d -rows %q: a positive number and a regular expression are needed", o.Rounds, o.Rows)}
	}
	env := []string{
		"DATABASE_URL=", "POSTSTACK_BENCH_ROUNDS=" + strconv.Itoa(o.Rounds), "POSTSTACK_BENCH_ROWS=" + o.Rows,
		"POSTSTACK_BENCH_PEERS=" + flagText(o.Peers), "POSTSTACK_BENCH_CHECK=" + flagText(o.Check),
		"POSTSTACK_BENCH_KEPT=" + filepath.Join(p.Root, benchKept),
		"POSTSTACK_BENCH_OUT=" + filepath.Join(p.Root, benchLatest), "POSTSTACK_BENCH_CHART=" + filepath.Join(p.Root, benchChart),
	}
	if err := os.MkdirAll(filepath.Join(p.Root, filepath.Dir(benchLatest)), 0o755); err != nil {
		return fmt.Errorf("make directory for results: %w", err)
	}
	if err := p.runBench(ctx, env); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	if !o.Keep {
		return nil
	}
	return p.keepBench()
}

// runBench compiles the benchmarks and runs them: go test would show nothing before they end.
func (p Project) runBench(ctx context.Context, env []string) error {
	dir, err := os.MkdirTemp("", "poststack-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "bench.test")
	for _, c := range []runner.Command{
		{Program: "go", Dir: p.Root, Args: []string{"test", "-c", "-tags=bench", "-o", program, "./tests/bench"}},
		{Program: program, Dir: filepath.Join(p.Root, "tests", "bench"), Args: []string{"-test.run=^TestBench$", "-test.timeout=6h"}, Env: env},
	} {
		c.Stdout, c.Stderr, c.Grace = p.Stdout, p.Stderr, time.Minute
		if _, err := p.Runner.Run(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// OptionError is an option of a target that cannot be met.
type OptionError struct{ Reason string }

func (e *OptionError) Error() string { return e.Reason }

// ExitStatus is that of bad usage, which mage exits with.
func (e *OptionError) ExitStatus() int { return 2 }

// keepBench copies the latest result and its chart to where they are committed.
func (p Project) keepBench() error {
	for from, to := range map[string]string{benchLatest: benchKept, benchChart: benchPlot} {
		data, err := os.ReadFile(filepath.Join(p.Root, from))
		if err != nil {
			return fmt.Errorf("keep result: %w", err)
		}
		if err := renameio.WriteFile(filepath.Join(p.Root, to), data, 0o644); err != nil {
			return fmt.Errorf("keep result: %w", err)
		}
	}
	p.say("kept as %s and %s", benchKept, benchPlot)
	return nil
}

func flagText(set bool) string {
	if set {
		return "yes"
	}
	return ""
}
