//go:build bench

package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/stretchr/testify/require"
)

// report prints the table, writes the result and its chart, tells what got worse, and keeps what is to be kept.
func report(t *testing.T, r Result, o options) {
	t.Helper()
	before, err := readKept(root())
	require.NoError(t, err)
	kept := before.all()
	require.NoError(t, os.MkdirAll(filepath.Join(root(), filepath.Dir(latestResult)), 0o755))
	if len(r.Rows) > 0 {
		show(Header(), r.Table())
	}
	for _, note := range r.Notes() {
		fmt.Fprintln(os.Stdout, note)
	}
	if len(r.Curves) > 0 {
		show(CurveHeader(), r.CurveTable())
	}
	require.NoError(t, write(filepath.Join(root(), latestResult), r))
	svg, err := r.Chart(kept)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root(), latestChart), []byte(svg), 0o644))
	for _, worse := range Regressions(kept, r) {
		fmt.Fprintln(os.Stdout, "worse than kept:", worse)
		if o.check {
			t.Errorf("worse than kept: %s", worse)
		}
	}
	if o.keep && !t.Failed() {
		require.NoError(t, keep(root(), r))
		fmt.Fprintf(os.Stdout, "kept as %s, and in %s\n", keptResult, document)
	}
}

func show(header []string, lines [][]string) {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.AppendHeader(cells(header))
	for _, line := range lines {
		w.AppendRow(cells(line))
	}
	fmt.Fprintln(os.Stdout, w.Render())
}

func cells(line []string) table.Row {
	row := make(table.Row, len(line))
	for i, cell := range line {
		row[i] = cell
	}
	return row
}

// machine is what can be told of this machine without help.
func machine() Machine {
	m := Machine{Processors: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
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

// revision is the commit that is measured, or nothing where the checkout is no clone.
func revision(t *testing.T) string {
	t.Helper()
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "git", args...).Output()
		return strings.TrimSpace(string(out)), err
	}
	rev, err := git("rev-parse", "--short", "HEAD")
	if err != nil {
		return ""
	}
	changes, err := git("status", "--porcelain", "--untracked-files=no")
	require.NoError(t, err)
	if changes != "" {
		rev += "+"
	}
	return rev
}
