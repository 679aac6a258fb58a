package bench_test

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed chart.svg.tmpl
var chartSource string

// The measures of a chart, in pixels.
const (
	chartLeft  = 420
	chartScale = 260 // of what is compared against its goal: a bar that just meets it
	chartMost  = 460
	chartTop   = 64
	chartRow   = 38
)

// chartBar is a row of a chart. A bar's length is its value divided by its goal, so that rows of different
// units stand in one picture.
type chartBar struct {
	Name, Label   string
	Y, Now, Kept  int
	Goal, Met     bool
	GoalX, LabelX int
}

type chart struct {
	Title, Legend       string
	Width, Height, Left int
	Bars                []chartBar
}

// Chart draws r, and beside it what was kept before, as an SVG.
func (r Result) Chart(kept Result) (string, error) {
	c := chart{
		Title:  "Poststack against what people use for the same work: shorter is better",
		Legend: "bar: this run, median, relative to its goal (blue line) · grey: the run kept before",
		Width:  chartLeft + chartMost + 220, Left: chartLeft,
	}
	for _, m := range r.Rows {
		met, decided := m.Met()
		if !decided {
			continue
		}
		bar := chartBar{
			Name: m.Name + ", " + m.Engine, Y: chartTop + len(c.Bars)*chartRow, Goal: true, GoalX: chartLeft + chartScale,
			Now: length(m.compared().Median / m.Goal),
		}
		bar.Met = met
		if old, ok := kept.row(m.Name, m.Engine); ok && m.comparable() && old.comparable() {
			bar.Kept = length(old.compared().Median / m.Goal)
		}
		bar.LabelX = chartLeft + max(bar.Now, chartScale) + 10
		bar.Label = fmt.Sprintf("%s, goal %s", number(m.compared().Median), number(m.Goal))
		c.Bars = append(c.Bars, bar)
	}
	c.Height = chartTop + len(c.Bars)*chartRow + 12
	return draw("chart", chartSource, c)
}

// draw fills the template of a picture of that name.
func draw(name, source string, data any) (string, error) {
	t, err := template.New(name).Parse(source)
	if err != nil {
		return "", fmt.Errorf("draw %s: %w", name, err)
	}
	var out strings.Builder
	if err := t.Execute(&out, data); err != nil {
		return "", fmt.Errorf("draw %s: %w", name, err)
	}
	return out.String(), nil
}

// length is a bar's, cut at the chart's edge.
func length(ofGoal float64) int { return min(max(int(ofGoal*chartScale), 1), chartMost) }
