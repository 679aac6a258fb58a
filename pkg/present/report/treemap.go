package report

import (
	"fmt"
	"math"
)

// treemapView is the packages of an image as blocks.
type treemapView struct {
	Class, ID, Name string
	Width, Height   int
	Blocks          []block
}

// block is a package; a label that does not fit is empty.
type block struct {
	X, W        float64 // shares of the width
	Y, H        float64 // pixels
	Class       string
	Label, Size string
	Title       string
}

// piece is a block before it has a place.
type piece struct {
	label string
	bytes int64
	class string
	title string
}

// group is pieces that lie together, the largest first.
type group struct {
	class  string
	pieces []piece
	bytes  int64
	more   int   // how many pieces came after the last that gets a block of its own
	rest   int64 // what they hold
}

// add takes the next largest.
func (g *group) add(label string, bytes int64, title string) {
	if bytes <= 0 {
		return
	}
	g.bytes += bytes
	if len(g.pieces) >= mostBlocks {
		g.more, g.rest = g.more+1, g.rest+bytes
		return
	}
	g.pieces = append(g.pieces, piece{label, bytes, g.class, title})
}

// parts are the group, and one of a single piece for those that came too late.
func (g group) parts() []group {
	if g.more == 0 {
		return []group{g}
	}
	label := fmt.Sprintf("%d smaller", g.more)
	last := group{bytes: g.rest, pieces: []piece{{label, g.rest, g.class + "2", label + " packages, " + size(g.rest)}}}
	g.bytes -= g.rest
	return []group{g, last}
}

// fill gives each group a part of the area along its longer side, and each piece a part of that.
func (m *treemapView) fill(groups []group) {
	var all int64
	for _, g := range groups {
		all += g.bytes
	}
	part := rect{w: float64(m.Width), h: float64(m.Height)}
	for _, g := range groups {
		share := float64(g.bytes) / float64(max(all, 1))
		if m.Width > m.Height {
			part.w = float64(m.Width) * share
			m.place(g, part)
			part.x += part.w
		} else {
			part.h = float64(m.Height) * share
			m.place(g, part)
			part.y += part.h
		}
	}
}

// place draws the pieces of a group into area.
func (m *treemapView) place(g group, area rect) {
	sizes := make([]float64, len(g.pieces))
	for i, p := range g.pieces {
		sizes[i] = float64(p.bytes)
	}
	for i, r := range squarify(sizes, area) {
		p := g.pieces[i]
		b := block{X: r.x / float64(m.Width), W: r.w / float64(m.Width), Y: r.y, H: r.h, Class: p.class, Title: p.title}
		if r.h >= 20 {
			b.Label = fitting(p.label, r.w)
		}
		if text := size(p.bytes); b.Label != "" && r.h >= 38 {
			b.Size = fitting(text, r.w)
			if b.Size != text {
				b.Size = ""
			}
		}
		m.Blocks = append(m.Blocks, b)
	}
}

// fitting is text as far as it fits into width pixels; less than four letters say nothing.
func fitting(text string, width float64) string {
	letters := []rune(text)
	room := int((width - 10) / letter)
	if len(letters) <= room {
		return text
	}
	if room < 5 {
		return ""
	}
	return string(letters[:room-1]) + "…"
}

// rect is a rectangle in pixels.
type rect struct{ x, y, w, h float64 }

// squarify divides area among sizes, which are positive and the largest first, so that the pieces come as close
// to squares as can be had cheaply.
// Source: Bruls, Huizing, van Wijk, "Squarified Treemaps", 2000.
func squarify(sizes []float64, area rect) []rect {
	var total float64
	for _, s := range sizes {
		total += s
	}
	if total <= 0 || area.w <= 0 || area.h <= 0 {
		return make([]rect, len(sizes))
	}
	scale := area.w * area.h / total
	out := make([]rect, 0, len(sizes))
	for i := 0; i < len(sizes); {
		side := math.Min(area.w, area.h)
		n, sum := 1, sizes[i]*scale
		for i+n < len(sizes) {
			next := sizes[i+n] * scale
			if worst(sizes[i]*scale, next, sum+next, side) > worst(sizes[i]*scale, sizes[i+n-1]*scale, sum, side) {
				break
			}
			sum += next
			n++
		}
		out, area = row(out, sizes[i:i+n], scale, sum, area)
		i += n
	}
	return out
}

// worst is the largest ratio of sides in a row of pieces from largest to smallest along side.
func worst(largest, smallest, sum, side float64) float64 {
	return math.Max(side*side*largest/(sum*sum), sum*sum/(side*side*smallest))
}

// row places pieces along the shorter side of area, and returns what is left of it.
func row(out []rect, sizes []float64, scale, sum float64, area rect) ([]rect, rect) {
	if area.w >= area.h {
		w, y := sum/area.h, area.y
		for _, s := range sizes {
			h := s * scale / w
			out = append(out, rect{area.x, y, w, h})
			y += h
		}
		return out, rect{area.x + w, area.y, area.w - w, area.h}
	}
	h, x := sum/area.w, area.x
	for _, s := range sizes {
		w := s * scale / h
		out = append(out, rect{x, area.y, w, h})
		x += w
	}
	return out, rect{area.x, area.y + h, area.w, area.h - h}
}
