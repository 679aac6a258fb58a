package quality

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/poststack/poststack/pkg/runner"
)

// BenchOptions say what is measured.
type BenchOptions struct {
	Rounds int    // of every row; 0 is 6, the least that give a median with a confidence of 95 %
	Rows   string // a pattern for the names of rows; "" is all
	Peers  bool   // also measure peers that have to be fetched and built first, which takes minutes
	Curves bool   // also measure how the cost grows with the work
	Check  bool   // fail when a ratio got worse than the kept one
	Keep   bool   // keep this result among those that later runs are held against
}

// Bench measures Poststack against what people use for the same work, by turns, on each engine under test. It
// prints least, median and greatest of every row, and the ratios pair by pair.
func (p Project) Bench(ctx context.Context, o BenchOptions) error {
	if o.Rounds == 0 {
		o.Rounds = 6
	}
	if _, err := regexp.Compile(o.Rows); err != nil || o.Rounds < 0 {
		const needed = "measure -rounds=%d -rows=%q: a positive number and a regular expression are needed"
		return &OptionError{fmt.Sprintf(needed, o.Rounds, o.Rows)}
	}
	if err := p.runBench(ctx, []string{
		"DATABASE_URL=", "POSTSTACK_BENCH_ROUNDS=" + strconv.Itoa(o.Rounds), "POSTSTACK_BENCH_ROWS=" + o.Rows,
		"POSTSTACK_BENCH_PEERS=" + flagText(o.Peers), "POSTSTACK_BENCH_CHECK=" + flagText(o.Check),
		"POSTSTACK_BENCH_CURVES=" + flagText(o.Curves), "POSTSTACK_BENCH_KEEP=" + flagText(o.Keep),
	}); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	return nil
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
		{
			Program: program, Args: []string{"-test.run=^TestBench$", "-test.timeout=6h"},
			Dir: filepath.Join(p.Root, "tests", "bench"), Env: env,
		},
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

func flagText(set bool) string {
	if set {
		return "yes"
	}
	return ""
}
