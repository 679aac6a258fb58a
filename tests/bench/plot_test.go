package bench_test

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
)

//go:embed plot.svg.tmpl
var plotSource string

// The measures of a plot, in pixels.
const (
	plotLeft   = 70
	plotTop    = 60
	plotWidth  = 560
	plotHeight = 420
	plotLegend = 24 // height of a line of it
	plotInks   = 5  // colours that the template has
)

// plotLine is a curve, or its place in the legend.
type plotLine struct {
	Name           string
	Ink, Y         int
	Dashed         bool
	Points         string // of a polyline
	Dots           []plotDot
	SampleX, TextX int
}

type plotDot struct{ X, Y float64 }

// plotTick is a line of the grid.
type plotTick struct {
	At   float64
	Text string
}

type plot struct {
	Title                                string
	Width, Height                        int
	Left, Top, Right, Bottom, XText, Mid int
	Across, Up                           []plotTick
	Lines                                []plotLine
}

// Plot draws the curves of r, both axes by powers of ten, as an SVG. It is empty without curves. Where twice the
// work takes twice the time, a curve rises as steeply as the diagonal of a square of the grid.
func (r Result) Plot() (string, error) {
	if len(r.Curves) == 0 {
		return "", nil
	}
	x, y := r.decades()
	p := plot{
		Title: "What work costs as it grows: seconds by size",
		Width: plotLeft + plotWidth + 350, Height: plotTop + plotHeight + 60,
		Left: plotLeft, Top: plotTop, Right: plotLeft + plotWidth, Bottom: plotTop + plotHeight,
		XText: plotTop + plotHeight + 20, Mid: plotLeft + plotWidth/2,
	}
	for d := x.low; d <= x.high; d++ {
		p.Across = append(p.Across, plotTick{p.x(x, math.Pow10(d)), strconv.FormatFloat(math.Pow10(d), 'f', -1, 64)})
	}
	for d := y.low; d <= y.high; d++ {
		p.Up = append(p.Up, plotTick{p.y(y, math.Pow10(d)), strconv.FormatFloat(math.Pow10(d), 'f', -1, 64) + " s"})
	}
	inks := map[string]int{}
	for i, c := range r.Curves {
		if _, ok := inks[c.Name]; !ok {
			inks[c.Name] = len(inks) % plotInks
		}
		p.Lines = append(p.Lines, p.line(c, x, y, i, inks[c.Name], c.Engine != r.Curves[0].Engine))
	}
	return draw("curves", plotSource, p)
}

// line draws c as the curve i, dashed for another engine than the first one's.
func (p plot) line(c Curve, x, y decades, i, ink int, dashed bool) plotLine {
	line := plotLine{
		Name: c.Name + ", " + c.Engine, Ink: ink, Dashed: dashed,
		Y: plotTop + 8 + i*plotLegend, SampleX: p.Right + 20, TextX: p.Right + 60,
	}
	var points []string
	for _, point := range c.Points {
		dot := plotDot{p.x(x, float64(point.Size)), p.y(y, point.Seconds.Median)}
		line.Dots = append(line.Dots, dot)
		points = append(points, fmt.Sprintf("%.1f,%.1f", dot.X, dot.Y))
	}
	line.Points = strings.Join(points, " ")
	return line
}

// decades are the powers of ten of an axis.
type decades struct{ low, high int }

// hold widens d for v, which is above 0.
func (d *decades) hold(v float64) {
	at := math.Log10(v)
	d.low, d.high = min(d.low, int(math.Floor(at))), max(d.high, int(math.Ceil(at)))
}

// share is where v stands between the ends of the axis, from 0 to 1.
func (d decades) share(v float64) float64 {
	return (math.Log10(v) - float64(d.low)) / float64(d.high-d.low)
}

func (p plot) x(d decades, v float64) float64 { return plotLeft + d.share(v)*plotWidth }

func (p plot) y(d decades, v float64) float64 { return plotTop + (1-d.share(v))*plotHeight }

// decades are the axes that hold every point.
func (r Result) decades() (x, y decades) {
	x, y = decades{0, 1}, decades{-1, 0}
	for _, c := range r.Curves {
		for _, point := range c.Points {
			x.hold(float64(point.Size))
			y.hold(point.Seconds.Median)
		}
	}
	return x, y
}
