package trace

import (
	"cmp"
	"fmt"
	"slices"
)

// lane is one line of the picture. A viewer shows what is on one line nested by time, so the spans of a lane
// are inside each other or apart, and never overlap halfway.
type lane struct {
	group string // the name that the spans gave
	label string // what the viewer shows
	open  []int64
}

// fits puts a span on the lane if it stands inside what is open there at its start, or nothing is.
func (l *lane) fits(start, end int64) bool {
	for len(l.open) > 0 && l.open[len(l.open)-1] <= start {
		l.open = l.open[:len(l.open)-1]
	}
	if len(l.open) > 0 && l.open[len(l.open)-1] < end {
		return false
	}
	l.open = append(l.open, end)
	return true
}

// group is the lanes of one name: those of the phase and its steps, and those of the work below.
type group struct {
	name        string
	frame, work []*lane
}

// place finds a lane for a span, and makes one where all are taken.
func (g *group) place(e event) *lane {
	lanes, suffix := &g.work, " (work)"
	if Category(e.Category).frame() {
		lanes, suffix = &g.frame, ""
	}
	for _, l := range *lanes {
		if l.fits(e.Start, e.end()) {
			return l
		}
	}
	l := &lane{group: g.name, label: g.name + suffix}
	if n := len(*lanes); n > 0 {
		l.label = fmt.Sprintf("%s %d", l.label, n+1)
	}
	l.fits(e.Start, e.end())
	*lanes = append(*lanes, l)
	return l
}

// layOut sorts the spans by their start, the longer first, and gives each the number of its lane in Thread. It
// returns the lanes in the order of their numbers, which begin with 1.
func layOut(spans []event) []*lane {
	slices.SortStableFunc(spans, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(*b.Duration, *a.Duration))
	})
	var groups []*group
	taken := make([]*lane, len(spans))
	for i, e := range spans {
		at := slices.IndexFunc(groups, func(g *group) bool { return g.name == e.lane })
		if at < 0 {
			at, groups = len(groups), append(groups, &group{name: e.lane})
		}
		taken[i] = groups[at].place(e)
	}
	var lanes []*lane
	for _, g := range groups {
		lanes = append(append(lanes, g.frame...), g.work...)
	}
	for i := range spans {
		spans[i].Thread = 1 + slices.Index(lanes, taken[i])
	}
	return lanes
}
