package bench_test

import (
	"cmp"
	"slices"
)

// Content is what the bytes of an image are.
type Content struct {
	Image string `json:"image"`
	Bytes int64  `json:"bytes"` // unpacked, with what it shares with its parent
	Parts []Part `json:"parts"`
}

// Part is a share of an image's bytes.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Largest are the most largest parts and, as one, the smaller ones.
func Largest(parts []Part, most int) []Part {
	sorted := slices.SortedStableFunc(slices.Values(parts), func(a, b Part) int { return cmp.Compare(b.Bytes, a.Bytes) })
	if len(sorted) <= most {
		return sorted
	}
	rest := Part{Name: plural(len(sorted)-most, "smaller one")}
	for _, p := range sorted[most:] {
		rest.Bytes += p.Bytes
	}
	return append(sorted[:most], rest)
}
