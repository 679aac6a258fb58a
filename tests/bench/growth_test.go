package bench_test

import (
	"context"
	"fmt"
)

// Growth is work that is measured at several sizes.
type Growth struct {
	Name   string
	Engine string
	Per    string // what a size counts, such as "changeset"
	Sizes  []int
	At     func(size int) *Probe // of seconds
}

// Curve is how the cost of work grows with its size.
type Curve struct {
	Name   string  `json:"name"`
	Engine string  `json:"engine"`
	Per    string  `json:"per"`
	Points []Point `json:"points"`
}

// Point is what one size took.
type Point struct {
	Size    int    `json:"size"`
	Seconds Series `json:"seconds"`
}

// Measure measures each size n times by turns, the sizes of every second round from the largest down.
func (g Growth) Measure(ctx context.Context, n int) (Curve, error) {
	probes := make([]*Probe, len(g.Sizes))
	for i, size := range g.Sizes {
		probes[i] = g.At(size)
	}
	values := make([][]float64, len(probes))
	for i := range turns(len(probes), n) {
		v, err := probes[i].take(ctx)
		if err != nil {
			return Curve{}, fmt.Errorf("measure %q at %d: %w", g.Name, g.Sizes[i], err)
		}
		values[i] = append(values[i], v)
	}
	c := Curve{Name: g.Name, Engine: g.Engine, Per: g.Per}
	for i, size := range g.Sizes {
		c.Points = append(c.Points, Point{Size: size, Seconds: series(probes[i].What, values[i])})
	}
	return c, nil
}

// CurveHeader and [Result.CurveTable] are the curves as a table.
func CurveHeader() []string {
	return []string{"work", "engine", "size", "seconds (min / median / max)", "of which each"}
}

// CurveTable has a line for each point, in the order of [CurveHeader].
func (r Result) CurveTable() [][]string {
	var rows [][]string
	for _, c := range r.Curves {
		for _, p := range c.Points {
			each := number(p.Seconds.Median/float64(p.Size)*1000) + " ms"
			rows = append(rows, []string{c.Name, c.Engine, plural(p.Size, c.Per), p.Seconds.spread(""), each})
		}
	}
	return rows
}
