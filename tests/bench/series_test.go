package bench_test

import (
	"slices"

	"golang.org/x/perf/benchmath"
)

// Series is what one probe measured, in the order of the rounds.
type Series struct {
	What   string    `json:"what"`
	Values []float64 `json:"values"`
	Min    float64   `json:"min"`
	Median float64   `json:"median"`
	Max    float64   `json:"max"`
	Low    float64   `json:"low"`  // the median lies between Low
	High   float64   `json:"high"` // and High with a confidence of 95 %, or as near as so few values allow
}

// confidence is that of a series' interval.
const confidence = 0.95

// series sums values up. Nothing is assumed of their distribution: what a computer takes has a long tail.
func series(what string, values []float64) Series {
	s := Series{What: what, Values: values}
	if len(values) == 0 {
		return s
	}
	sum := benchmath.AssumeNothing.Summary(sample(values), confidence)
	s.Min, s.Max = slices.Min(values), slices.Max(values)
	s.Median, s.Low, s.High = sum.Center, max(sum.Lo, s.Min), min(sum.Hi, s.Max)
	return s
}

func optional(what string, values []float64) *Series {
	if values == nil {
		return nil
	}
	s := series(what, values)
	return &s
}

func sample(values []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
}

// warnings are what the statistics have against s, such as too few values for the confidence. Values that are all
// the same, such as sizes, need no statistics.
func (s Series) warnings() []string {
	if len(s.Values) == 0 || s.Min == s.Max && len(s.Values) > 1 {
		return nil
	}
	var notes []string
	for _, w := range benchmath.AssumeNothing.Summary(sample(s.Values), confidence).Warnings {
		notes = append(notes, w.Error())
	}
	return notes
}

// worse tells whether now is worse than before by more than the noise seen in either: their intervals are
// apart, and a test of the samples does not take them for the same.
func worse(before, now Series) bool {
	if len(before.Values) == 0 || len(now.Values) == 0 || now.Median <= before.Median || now.Low <= before.High {
		return false
	}
	c := benchmath.AssumeNothing.Compare(sample(before.Values), sample(now.Values))
	return c.P < c.Alpha
}
