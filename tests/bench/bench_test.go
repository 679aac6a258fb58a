//go:build bench

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// options come from the environment: mage bench sets them.
type options struct {
	rounds int            // of every row
	rows   *regexp.Regexp // the names of those to measure
	peers  bool           // measure peers that have to be fetched or built
	check  bool           // fail when a row got worse
	keep   bool           // keep the result as the one that later runs are held against
	curves bool           // measure growths too
}

func optionsOf(t *testing.T) options {
	t.Helper()
	rounds, err := strconv.Atoi(os.Getenv("POSTSTACK_BENCH_ROUNDS"))
	require.NoError(t, err, "mage bench sets POSTSTACK_BENCH_ROUNDS")
	rows, err := regexp.Compile(os.Getenv("POSTSTACK_BENCH_ROWS"))
	require.NoError(t, err)
	return options{
		rounds: rounds, rows: rows, peers: os.Getenv("POSTSTACK_BENCH_PEERS") != "",
		check: os.Getenv("POSTSTACK_BENCH_CHECK") != "", keep: os.Getenv("POSTSTACK_BENCH_KEEP") != "",
		curves: os.Getenv("POSTSTACK_BENCH_CURVES") != "",
	}
}

// group is rows that are prepared together, and only when one of them is asked for.
type group struct {
	rows    []string // their names, in order
	stack   bool     // they need the site's checkout, set up
	prepare func(*site) []Row
}

// groups are all comparisons. The set-ups come late, since a reset gives the database another password.
func groups() []group {
	return []group{
		sizes(), floors(), firstQueries(), updates(), templates(), memory(), serviceSizes(), agents(), served(), underLoad(),
		serviceSetups(), setups(), builds(),
	}
}

// asked lists those of the group's rows that are to be measured.
func (g group) asked(o options) []string {
	return slices.DeleteFunc(slices.Clone(g.rows), func(name string) bool { return !o.rows.MatchString(name) })
}

// site is what the rows of one engine are measured on.
type site struct {
	*testing.T
	kind    engine.Kind
	engine  *engine.Engine
	c       *checkout.Checkout // nil unless a group needs it
	program string             // the compiled targets
	peers   *peers
	result  *Result
}

// TestBench measures every row on every engine under test, and prints and keeps the result. Each group is a test
// of its own, so that one that breaks fails this run and leaves the others alone.
func TestBench(t *testing.T) {
	o := optionsOf(t)
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	result := &Result{Started: time.Now(), Revision: revision(t), Machine: machine(), Rounds: o.rounds}
	p := newPeers(t, o.peers)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		s := &site{T: t, kind: kind, engine: enginetest.Open(t, kind), peers: p, result: result}
		result.Machine.Engines = append(result.Machine.Engines, fmt.Sprintf("%s %s", kind, s.engine.Info().Version))
		require.NoError(t, checkout.BuildAll(ctx, s.engine, root()))
		s.measureAll(ctx, o)
	})
	require.NoError(t, ctx.Err(), "nothing is kept of a run that was interrupted")
	report(t, *result, o)
}

// measureAll measures what was asked for.
func (s *site) measureAll(ctx context.Context, o options) {
	needed := func(g group) bool { return g.stack && len(g.asked(o)) > 0 }
	growing := func(g growth) bool { return g.asked(o) }
	if slices.ContainsFunc(groups(), needed) || slices.ContainsFunc(growths(), growing) {
		s.setUp()
	}
	for _, g := range groups() {
		if names := g.asked(o); len(names) > 0 && ctx.Err() == nil {
			s.measure(ctx, g, names, o.rounds)
		}
	}
	for _, g := range growths() {
		if g.asked(o) && ctx.Err() == nil {
			s.grow(ctx, g, o)
		}
	}
}

// setUp makes a scratch checkout, with a target that does nothing and all targets compiled.
func (s *site) setUp() {
	s.c = checkout.New(s.T, s.kind)
	require.NoError(s, os.WriteFile(filepath.Join(s.c.Dir, "magefiles", "targets", "noop.go"),
		[]byte("package targets\n\n// Noop does nothing.\nfunc Noop() {}\n"), 0o644))
	s.c.OK(s.T, "setup")
	s.c.OK(s.T, "install")
	s.program = filepath.Join(s.c.Dir, "bin", "poststack")
}

// measure prepares a group and measures those of its rows. A row that there is no measurement of stands in the
// result all the same.
func (s *site) measure(ctx context.Context, g group, names []string, rounds int) {
	done := map[string]Measured{}
	s.Run(g.rows[0], func(t *testing.T) {
		at := *s
		at.T = t
		rows := g.prepare(&at)
		require.Len(t, rows, len(g.rows))
		for i, row := range rows {
			require.Equal(t, g.rows[i], row.Name)
			if !slices.Contains(names, row.Name) {
				continue
			}
			row.Engine = string(s.kind)
			fmt.Fprintf(os.Stdout, "%s  %s, %s\n", time.Now().Format(time.TimeOnly), row.Name, s.kind)
			m, err := row.Measure(ctx, rounds)
			if err != nil {
				t.Error(err)
			}
			done[row.Name] = m
		}
	})
	for _, name := range names {
		m, ok := done[name]
		if !ok {
			m = Row{Name: name, Engine: string(s.kind)}.Broken(errors.New("it could not be prepared"))
		}
		s.result.Rows = append(s.result.Rows, m)
	}
}
