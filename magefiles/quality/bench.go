package quality

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/magefiles/bench"
	"github.com/poststack/poststack/pkg/runner"
)

// Where results are, below the checkout: the latest, which git ignores, and what is kept for later runs to be held
// against.
const (
	benchLatest = "logs/bench.json"
	benchChart  = "logs/bench.svg"
	benchKept   = "docs/benchmarks/kept.json"
	benchPage   = "docs/performance.md"
)

// BenchOptions say what is measured.
type BenchOptions struct {
	Rounds int    // of every row; 0 is 6, the least that give a median with a confidence of 95 %
	Rows   string // a pattern for the names of rows; "" is all
	Peers  bool   // also measure peers that have to be fetched and built first, which takes minutes
	Curves bool   // also measure how the cost grows with the work
	Check  bool   // fail when a ratio got worse than the kept one
	Keep   bool   // keep this result as the one that later runs are held against
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
	if o.Keep && o.Rows != "" {
		return &OptionError{"measure -keep -rows: only a complete result is kept; leave one of the two out"}
	}
	if err := os.MkdirAll(filepath.Join(p.Root, filepath.Dir(benchLatest)), 0o755); err != nil {
		return fmt.Errorf("make directory for results: %w", err)
	}
	if err := p.runBench(ctx, []string{
		"DATABASE_URL=", "POSTSTACK_BENCH_ROUNDS=" + strconv.Itoa(o.Rounds), "POSTSTACK_BENCH_ROWS=" + o.Rows,
		"POSTSTACK_BENCH_PEERS=" + flagText(o.Peers), "POSTSTACK_BENCH_CHECK=" + flagText(o.Check),
		"POSTSTACK_BENCH_CURVES=" + flagText(o.Curves),
		"POSTSTACK_BENCH_KEPT=" + filepath.Join(p.Root, benchKept),
		"POSTSTACK_BENCH_OUT=" + filepath.Join(p.Root, benchLatest),
		"POSTSTACK_BENCH_CHART=" + filepath.Join(p.Root, benchChart),
	}); err != nil {
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

// keepBench keeps the latest result where it is committed, with its charts and in the document.
func (p Project) keepBench() error {
	r, ok, err := bench.Read(filepath.Join(p.Root, benchLatest))
	if err == nil && !ok {
		err = fmt.Errorf("there is no %s", benchLatest)
	}
	if err != nil {
		return fmt.Errorf("keep result: %w", err)
	}
	dir := filepath.Join(p.Root, filepath.Dir(benchKept))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keep result: %w", err)
	}
	chart, err := r.Chart(bench.Result{}) // what was kept before is no longer there to be compared with
	if err != nil {
		return err
	}
	plot, err := r.Plot()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"kept.svg": chart, "curves.svg": plot} {
		if text == "" {
			continue
		}
		if err := renameio.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("keep chart: %w", err)
		}
	}
	if err := r.Write(filepath.Join(p.Root, benchKept)); err != nil {
		return err
	}
	page, err := p.performancePage()
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(p.Root, page.path), []byte(page.text), 0o644); err != nil {
		return fmt.Errorf("write %q: %w", page.path, err)
	}
	p.say("kept as %s, and in %s", benchKept, benchPage)
	return nil
}

// The lines of the document between which the kept result stands.
const (
	keptBegin = "<!-- What follows is written by mage bench -keep from benchmarks/kept.json. -->\n"
	keptEnd   = "<!-- End of what is written. -->\n"
)

// performancePage is the document on performance with the kept result in it.
func (p Project) performancePage() (page, error) {
	text, err := os.ReadFile(filepath.Join(p.Root, benchPage))
	if err != nil {
		return page{}, fmt.Errorf("read document: %w", err)
	}
	head, rest, begun := strings.Cut(string(text), keptBegin)
	_, tail, ended := strings.Cut(rest, keptEnd)
	if !begun || !ended {
		return page{}, fmt.Errorf("read document %q: it has no lines %q and %q", benchPage, keptBegin, keptEnd)
	}
	r, ok, err := bench.Read(filepath.Join(p.Root, benchKept))
	if err != nil {
		return page{}, err
	}
	kept := "No complete run is kept yet.\n"
	if ok {
		kept = "![Each row against its goal](benchmarks/kept.svg)\n\n" + r.Markdown()
	}
	return page{benchPage, head + keptBegin + "\n" + kept + "\n" + keptEnd + tail}, nil
}

func flagText(set bool) string {
	if set {
		return "yes"
	}
	return ""
}
