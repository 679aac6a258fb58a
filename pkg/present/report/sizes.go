package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/inventory"
)

// What is drawn of an image.
const (
	mostBlocks   = 24  // packages of a group with a block of their own; the others share one
	mostRows     = 20  // packages in the table
	wideWidth    = 960 // of the charts, in pixels, for what fits into them
	narrowWidth  = 320
	wideHeight   = 260
	narrowHeight = 340
	letter       = 7.0 // width of a letter of a label, in pixels, on the large side
)

// imageView is an image as it is drawn.
type imageView struct {
	inventory.Image
	Layers         []layerView
	LayerRows      []layerView   // the largest first
	Maps           []treemapView // one for wide pages and one for narrow ones
	Rows           []inventory.Package
	PackageBytes   int64
	Other          int64 // files of no package, if they are worth a word
	Own, Inherited int64
}

// layerView is a layer as a part of a bar and as a row.
type layerView struct {
	inventory.Layer
	Class     string
	Label     string // the size, where it fits
	At, Width float64
}

// From is where a layer or a package of an image comes from.
func (v imageView) From(inherited bool) string {
	if inherited {
		return v.Parent
	}
	return "this image"
}

func newImages(images []inventory.Image) []imageView {
	var largest int64 = 1
	for _, i := range images {
		largest = max(largest, i.SizeBytes)
	}
	views := make([]imageView, 0, len(images))
	for number, i := range images {
		v := imageView{Image: i}
		if i.ID != "" {
			v.layers(largest)
			v.packages(number)
		}
		views = append(views, v)
	}
	return views
}

// layers lays the layers out beside each other, oldest first, on the scale of the largest image.
func (v *imageView) layers(largest int64) {
	var at float64
	for n, l := range v.Image.Layers {
		view := layerView{Layer: l, Class: "own", At: at, Width: float64(l.SizeBytes) / float64(largest)}
		if n%2 == 1 {
			view.Class = "own2"
		}
		if l.Inherited {
			view.Class = "inherited"
			v.Inherited += l.SizeBytes
		} else {
			v.Own += l.SizeBytes
		}
		if text := size(l.SizeBytes); view.Width*narrowWidth > letter*float64(len(text)+2) {
			view.Label = text
		}
		at += view.Width
		v.Layers = append(v.Layers, view)
	}
	v.LayerRows = slices.Clone(v.Layers)
	slices.SortStableFunc(v.LayerRows, func(a, b layerView) int { return cmp.Compare(b.SizeBytes, a.SizeBytes) })
}

// packages lays the packages out as blocks: those of the image itself, what belongs to no package, and those of
// the parent.
func (v *imageView) packages(number int) {
	if len(v.Packages) == 0 {
		return
	}
	own, inherited := group{class: "own"}, group{class: "inherited"}
	for _, p := range v.Packages {
		v.PackageBytes += p.SizeBytes
		to := &own
		if p.Inherited {
			to = &inherited
		}
		to.add(p.Name, p.SizeBytes,
			fmt.Sprintf("%s %s, %s, from %s", p.Name, p.Version, size(p.SizeBytes), v.From(p.Inherited)))
	}
	v.Rows = v.Packages[:min(mostRows, len(v.Packages))]
	groups := own.parts()
	if other := v.SizeBytes - v.PackageBytes; other > v.SizeBytes/100 {
		v.Other = other
		files := group{class: "other"}
		files.add("other files", other, "files of no package, "+size(other))
		groups = append(groups, files)
	}
	groups = append(groups, inherited.parts()...)
	for _, m := range []treemapView{
		{Class: "wide", Width: wideWidth, Height: wideHeight}, {Class: "narrow", Width: narrowWidth, Height: narrowHeight},
	} {
		m.ID, m.Name = m.Class+"-"+strconv.Itoa(number), v.Name
		m.fill(groups)
		v.Maps = append(v.Maps, m)
	}
}

// size is a number of bytes as people read it, in units of 1000.
func size(bytes int64) string {
	text := units.HumanSizeWithPrecision(float64(bytes), 3)
	cut := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	return text[:max(cut, 0)] + "\u00a0" + text[max(cut, 0):]
}

// moment is a time as people read it.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// count is a number of things in words; a word that takes no plural is an adjective.
func count(n int, what string) string {
	if n != 1 && what != "cached" {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
