package quality_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
	"github.com/poststack/poststack/pkg/runner"
)

func TestBench(t *testing.T) {
	t.Parallel()
	var env []string
	run := &fake{answers: []answer{{prefix: os.TempDir(), do: func(c runner.Command) { env = c.Env }}}}
	p, _ := project(checkout(t, nil), run, nil)
	require.NoError(t, p.Bench(t.Context(), quality.BenchOptions{Rows: "^size", Peers: true}))
	require.Len(t, run.lines, 2)
	assert.True(t, strings.HasPrefix(run.lines[0], "go test -c -tags=bench -o "), run.lines[0])
	assert.True(t, strings.HasSuffix(run.lines[1], "bench.test -test.run=^TestBench$ -test.timeout=6h"), run.lines[1])
	for _, want := range []string{
		"POSTSTACK_BENCH_ROUNDS=6", "POSTSTACK_BENCH_ROWS=^size", "POSTSTACK_BENCH_PEERS=yes", "POSTSTACK_BENCH_CHECK=",
		"POSTSTACK_BENCH_CURVES=", "POSTSTACK_BENCH_KEEP=", "DATABASE_URL=",
	} {
		assert.True(t, slices.Contains(env, want), want)
	}
}

func TestBench_refuses(t *testing.T) {
	t.Parallel()
	p, _ := project(checkout(t, nil), &fake{}, nil)
	for _, o := range []quality.BenchOptions{{Rows: "("}, {Rounds: -1}} {
		var bad *quality.OptionError
		require.ErrorAs(t, p.Bench(t.Context(), o), &bad)
		assert.Equal(t, 2, bad.ExitStatus())
	}
}
