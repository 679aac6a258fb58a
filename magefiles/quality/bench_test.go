package quality_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/bench"
	"github.com/poststack/poststack/magefiles/quality"
	"github.com/poststack/poststack/pkg/runner"
)

// benched is a checkout whose benchmarks have that result, and what they were started with.
func benched(t *testing.T, r bench.Result) (root string, run *fake, env *[]string) {
	t.Helper()
	root, env = checkout(t, nil), &[]string{}
	page := "# Speed\n\n<!-- What follows is written by mage bench -keep from benchmarks/kept.json. -->\nold\n<!-- End of what is written. -->\n\nMore.\n"
	write(t, root, map[string]string{"docs/performance.md": page})
	return root, &fake{answers: []answer{{prefix: os.TempDir(), do: func(c runner.Command) {
		*env = c.Env
		require.NoError(t, r.Write(filepath.Join(root, "logs", "bench.json")))
	}}}}, env
}

func TestBench(t *testing.T) {
	t.Parallel()
	root, run, env := benched(t, bench.Result{})
	p, _ := project(root, run, nil)
	require.NoError(t, p.Bench(t.Context(), quality.BenchOptions{Rows: "^size", Peers: true}))
	require.Len(t, run.lines, 2)
	assert.True(t, strings.HasPrefix(run.lines[0], "go test -c -tags=bench -o "), run.lines[0])
	assert.True(t, strings.HasSuffix(run.lines[1], "bench.test -test.run=^TestBench$ -test.timeout=6h"), run.lines[1])
	for _, want := range []string{
		"POSTSTACK_BENCH_ROUNDS=6", "POSTSTACK_BENCH_ROWS=^size", "POSTSTACK_BENCH_PEERS=yes", "POSTSTACK_BENCH_CHECK=", "POSTSTACK_BENCH_CURVES=", "DATABASE_URL=",
	} {
		assert.True(t, slices.Contains(*env, want), want)
	}
	assert.NoFileExists(t, filepath.Join(root, "docs", "benchmarks", "kept.json"))
}

func TestBench_refuses(t *testing.T) {
	t.Parallel()
	p, _ := project(checkout(t, nil), &fake{}, nil)
	for _, o := range []quality.BenchOptions{{Rows: "("}, {Rounds: -1}, {Keep: true, Rows: "size"}} {
		var bad *quality.OptionError
		require.ErrorAs(t, p.Bench(t.Context(), o), &bad)
		assert.Equal(t, 2, bad.ExitStatus())
	}
}

func TestBench_keeps(t *testing.T) {
	t.Parallel()
	size := bench.Series{What: "postgres", Values: []float64{400}, Min: 400, Median: 400, Max: 400}
	r := bench.Result{
		Started: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Rounds: 1,
		Rows:   []bench.Measured{{Name: "size of postgres", Engine: "docker", Unit: bench.Megabytes, Ours: size}},
		Curves: []bench.Curve{{Name: "copies", Engine: "docker", Per: "database", Points: []bench.Point{{Size: 1, Seconds: size}}}},
	}
	root, run, _ := benched(t, r)
	p, out := project(root, run, nil)
	require.NoError(t, p.Bench(t.Context(), quality.BenchOptions{Keep: true}))
	kept, ok, err := bench.Read(filepath.Join(root, "docs", "benchmarks", "kept.json"))
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, r, kept)
	assert.FileExists(t, filepath.Join(root, "docs", "benchmarks", "kept.svg"))
	assert.FileExists(t, filepath.Join(root, "docs", "benchmarks", "curves.svg"))
	page, err := os.ReadFile(filepath.Join(root, "docs", "performance.md"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "kept.json. -->\n\n![Each row against its goal](benchmarks/kept.svg)\n\n"+r.Markdown()+"\n<!-- End of what is written. -->\n\nMore.\n")
	assert.NotContains(t, string(page), "old")
	assert.Contains(t, out.String(), "kept as docs/benchmarks/kept.json")

	require.NoError(t, p.Docs(t.Context()))
	assert.Contains(t, out.String(), "docs/performance.md is current")
}

func TestBench_keeps_nothing_of_a_run_that_fails(t *testing.T) {
	t.Parallel()
	root, run, _ := benched(t, bench.Result{})
	run.answers[0].code = 1
	p, _ := project(root, run, nil)
	require.ErrorContains(t, p.Bench(t.Context(), quality.BenchOptions{Keep: true}), "measure: ")
	assert.NoFileExists(t, filepath.Join(root, "docs", "benchmarks", "kept.json"))
}

// TestBench_document compares the document of this checkout with the result that is kept beside it.
func TestBench_document(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "docs")
	page, err := os.ReadFile(filepath.Join(docs, "performance.md"))
	require.NoError(t, err)
	kept, ok, err := bench.Read(filepath.Join(docs, "benchmarks", "kept.json"))
	require.NoError(t, err)
	if !ok {
		assert.Contains(t, string(page), "-->\n\nNo complete run is kept yet.\n\n<!--")
		return
	}
	assert.Contains(t, string(page), "\n\n"+kept.Markdown()+"\n<!--")
}
