//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/bench"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// options come from the environment: mage bench sets them.
type options struct {
	rounds int            // of every row
	rows   *regexp.Regexp // the names of those to measure
	peers  bool           // measure peers that have to be fetched or built
	out    string         // where the result goes
	chart  string         // where the chart goes
	kept   string         // the result that was kept before
	check  bool           // fail when a row got worse
}

func optionsOf(t *testing.T) options {
	t.Helper()
	rounds, err := strconv.Atoi(os.Getenv("POSTSTACK_BENCH_ROUNDS"))
	require.NoError(t, err, "mage bench sets POSTSTACK_BENCH_ROUNDS")
	rows, err := regexp.Compile(os.Getenv("POSTSTACK_BENCH_ROWS"))
	require.NoError(t, err)
	return options{
		rounds: rounds, rows: rows, peers: os.Getenv("POSTSTACK_BENCH_PEERS") != "",
		out: os.Getenv("POSTSTACK_BENCH_OUT"), chart: os.Getenv("POSTSTACK_BENCH_CHART"),
		kept: os.Getenv("POSTSTACK_BENCH_KEPT"), check: os.Getenv("POSTSTACK_BENCH_CHECK") != "",
	}
}

// site is what the rows of one engine are measured on.
type site struct {
	*testing.T
	kind    engine.Kind
	engine  *engine.Engine
	c       *checkout.Checkout
	program string // the compiled targets
	peers   *peers
}

// TestBench measures every row on every engine under test, and prints and keeps the result.
func TestBench(t *testing.T) {
	o := optionsOf(t)
	result := bench.Result{Started: time.Now(), Revision: revision(t), Machine: machine(), Rounds: o.rounds}
	p := newPeers(t, o.peers)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		s := newSite(t, kind, p)
		result.Machine.Engines = append(result.Machine.Engines, fmt.Sprintf("%s %s", kind, s.engine.Info().Version))
		for _, row := range s.rows() {
			if !o.rows.MatchString(row.Name) {
				continue
			}
			row.Engine = string(kind)
			fmt.Fprintf(os.Stdout, "%s  %s, %s\n", time.Now().Format(time.TimeOnly), row.Name, kind)
			m, err := row.Measure(t.Context(), o.rounds)
			require.NoError(t, err)
			result.Rows = append(result.Rows, m)
		}
	})
	report(t, result, o)
}

// rows are all comparisons. The set-ups come late, since a reset gives the database another password.
func (s *site) rows() []bench.Row {
	var rows []bench.Row
	for _, list := range [][]bench.Row{s.sizeRows(), s.schemaRows(), s.postgresRows(), s.memoryRows(), s.setupRows(), s.buildRows()} {
		rows = append(rows, list...)
	}
	return rows
}

// newSite sets a scratch checkout up, with a target that does nothing and all targets compiled.
func newSite(t *testing.T, kind engine.Kind, p *peers) *site {
	t.Helper()
	s := &site{T: t, kind: kind, engine: enginetest.Open(t, kind), c: checkout.New(t, kind), peers: p}
	require.NoError(t, os.WriteFile(filepath.Join(s.c.Dir, "magefiles", "targets", "noop.go"),
		[]byte("package targets\n\n// Noop does nothing.\nfunc Noop() {}\n"), 0o644))
	s.c.OK(t, "setup")
	s.c.OK(t, "install")
	s.program = filepath.Join(s.c.Dir, "bin", "poststack")
	return s
}

// report prints the table, keeps the result and its chart, and tells what got worse.
func report(t *testing.T, r bench.Result, o options) {
	t.Helper()
	kept, _, err := bench.Read(o.kept)
	require.NoError(t, err)
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.AppendHeader(cells(bench.Header()))
	for _, line := range r.Table() {
		w.AppendRow(cells(line))
	}
	fmt.Fprintln(os.Stdout, w.Render())
	if o.out != "" {
		require.NoError(t, r.Write(o.out))
	}
	if o.chart != "" {
		svg, err := r.Chart(kept)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(o.chart, []byte(svg), 0o644))
	}
	for _, worse := range bench.Regressions(kept, r) {
		fmt.Fprintln(os.Stdout, "worse than kept:", worse)
		if o.check {
			t.Errorf("worse than kept: %s", worse)
		}
	}
}

func cells(line []string) table.Row {
	row := make(table.Row, len(line))
	for i, cell := range line {
		row[i] = cell
	}
	return row
}

// machine is what can be told of this machine without help.
func machine() bench.Machine {
	m := bench.Machine{Processors: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(text); found != nil {
			m.Model = string(found[1])
		}
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _ = strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	}
	return m
}

func revision(t *testing.T) string {
	t.Helper()
	git := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "git", args...).Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	rev := git("rev-parse", "--short", "HEAD")
	if git("status", "--porcelain", "--untracked-files=no") != "" {
		rev += "+"
	}
	return rev
}

// must runs a program of the checkout's, and fails with what it printed.
func must(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// mage is a run of mage's in the checkout, with env over its environment.
func (s *site) mage(env []string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error { return must(s.c.Command(ctx, env, args...)) }
}

// compiled is the same through the compiled program.
func (s *site) compiled(env []string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		cmd := s.c.Command(ctx, env, args...)
		cmd.Path, cmd.Args[0] = s.program, s.program
		return must(cmd)
	}
}
