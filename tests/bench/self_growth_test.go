package bench_test

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// grown is a curve of work that takes a fixed time and some for each piece.
func grown(t *testing.T, name, engine string) Curve {
	t.Helper()
	c, err := Growth{
		Name: name, Engine: engine, Per: "changeset", Sizes: []int{1, 10, 1000},
		At: func(size int) *Probe {
			return &Probe{What: name, Measure: func(context.Context) (float64, error) { return 0.5 + float64(size)/100, nil }}
		},
	}.Measure(t.Context(), 2)
	require.NoError(t, err)
	return c
}

func TestGrowth_Measure(t *testing.T) {
	t.Parallel()
	var order []int
	growth := Growth{Name: "copies", Per: "database", Sizes: []int{1, 10}, At: func(size int) *Probe {
		return &Probe{Measure: func(context.Context) (float64, error) {
			order = append(order, size)
			if len(order) > 4 {
				return 0, errors.New("no room")
			}
			return float64(size), nil
		}}
	}}
	c, err := growth.Measure(t.Context(), 2)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 10, 10, 1}, order, "by turns")
	assert.Equal(t, []float64{10, 10}, c.Points[1].Seconds.Values)
	_, err = growth.Measure(t.Context(), 1)
	require.EqualError(t, err, `measure "copies" at 1: no room`)
}

func TestResult_CurveTable(t *testing.T) {
	t.Parallel()
	rows := Result{Curves: []Curve{grown(t, "update", "podman")}}.CurveTable()
	assert.Equal(t, [][]string{
		{"update", "podman", "1 changeset", "0.510 / 0.510 / 0.510", "510 ms"},
		{"update", "podman", "10 changesets", "0.600 / 0.600 / 0.600", "60.0 ms"},
		{"update", "podman", "1000 changesets", "10.5 / 10.5 / 10.5", "10.5 ms"},
	}, rows)
	assert.Len(t, CurveHeader(), len(rows[0]))
}

func TestResult_Plot(t *testing.T) {
	t.Parallel()
	svg, err := Result{Curves: []Curve{grown(t, "a <b>", "podman"), grown(t, "a <b>", "docker")}}.Plot()
	require.NoError(t, err)
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "well-formed")
	}
	assert.Contains(t, svg, "a &lt;b&gt;, docker")
	assert.Equal(t, 2, strings.Count(svg, `class="curve s0 dashed"`),
		"another engine is dashed, in the curve's own colour")
	assert.Contains(t, svg, `points="70.0,`, "one is at the left edge")
	assert.Contains(t, svg, " 630.0,", "a thousand at the right one")

	svg, err = Result{}.Plot()
	require.NoError(t, err)
	assert.Empty(t, svg, "without curves there is nothing to draw")
}

func TestLargest(t *testing.T) {
	t.Parallel()
	parts := []Part{{"a", 1}, {"b", 5}, {"c", 3}, {"d", 4}}
	assert.Equal(t, []Part{{"b", 5}, {"d", 4}, {"2 smaller ones", 4}}, Largest(parts, 2))
	assert.Equal(t, []Part{{"b", 5}, {"d", 4}, {"c", 3}, {"a", 1}}, Largest(parts, 4))
}

func TestResult_Markdown(t *testing.T) {
	t.Parallel()
	text := Result{
		Started: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Revision: "abc", Rounds: 8,
		Machine:  Machine{Processors: 2, Model: "Fast", System: "linux/amd64", Engines: []string{"docker 20.10"}, Load: 0.1},
		Rows:     []Measured{measured(t, "a | b", 0.2)},
		Curves:   []Curve{grown(t, "update", "docker")},
		Contents: []Content{{Image: "postgres", Bytes: 400e6, Parts: []Part{{"perl", 100e6}, {"the rest", 300e6}}}},
	}.Markdown()
	assert.Contains(t, text, "Measured on 2026-11-25, linux/amd64, 2 processors (Fast), load 0.10 before, with docker "+
		"20.10; 8 rounds of each row, revision abc.\n")
	assert.Contains(t, text, "\n### On docker\n\n| work | ours (min / median / max) |")
	assert.Contains(t, text, `| a \| b | 0.200 / 0.203 / 0.206 s |`)
	assert.Contains(t, text, "| update | docker | 10 changesets |")
	assert.Contains(t, text,
		"\n### What postgres is made of\n\n| part | MB | share |\n| --- | --- | --- |\n| perl | 100 | 25 % |\n")
	assert.Contains(t, text, "| **all of it** | 400 |  |\n")
	for line := range strings.Lines(text) {
		assert.Equal(t, strings.TrimRight(line, " \n")+"\n", line, "nothing at the end of a line")
	}
}
