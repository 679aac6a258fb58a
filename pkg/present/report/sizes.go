package report

import (
	"fmt"
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
	Name, Description, Ref, Size, State, Made string
	Built, Current                            bool
	Share                                     float64 // of the largest image
	Layers                                    []layerView
	LayerRows                                 []layerView   // the largest first
	Maps                                      []treemapView // one for wide pages and one for narrow ones
	Packages                                  []packageView // the largest
	PackageNote                               string
	Own, Inherited                            string // sizes
	Parent                                    string
}

// layerView is a layer as a part of a bar and as a row.
type layerView struct {
	Instruction, Size, Class, From string
	Label                          string // the size, where it fits
	At, Width                      float64
	bytes                          int64
}

// packageView is a row.
type packageView struct{ Name, Version, Size, From string }

func newImages(images []inventory.Image) []imageView {
	var largest int64 = 1
	for _, i := range images {
		largest = max(largest, i.SizeBytes)
	}
	views := make([]imageView, 0, len(images))
	for number, i := range images {
		v := imageView{
			Name: i.Name, Description: i.Description, Ref: i.Ref, Built: i.ID != "", Current: i.Current, Parent: i.Parent,
			State: "not built", Share: float64(i.SizeBytes) / float64(largest), Size: size(i.SizeBytes),
		}
		if v.Built {
			v.State = "outdated"
			if i.Current {
				v.State = "current"
			}
			v.Made = moment(i.Created)
			v.layers(i)
			v.packages(i, number)
		}
		views = append(views, v)
	}
	return views
}

// layers lays the layers out beside each other, oldest first.
func (v *imageView) layers(i inventory.Image) {
	var own, inherited int64
	var at float64
	for n, l := range i.Layers {
		view := layerView{
			Instruction: l.Instruction, Size: size(l.SizeBytes), bytes: l.SizeBytes, Class: "own", From: "this image",
			At: at, Width: float64(l.SizeBytes) / float64(max(i.SizeBytes, 1)) * v.Share,
		}
		if n%2 == 1 {
			view.Class = "own2"
		}
		if l.Inherited {
			view.Class, view.From = "inherited", i.Parent
			inherited += l.SizeBytes
		} else {
			own += l.SizeBytes
		}
		if view.Width*narrowWidth > letter*float64(len(view.Size)+2) {
			view.Label = view.Size
		}
		at += view.Width
		v.Layers = append(v.Layers, view)
	}
	v.Own, v.Inherited = size(own), size(inherited)
	v.LayerRows = bySize(v.Layers)
}

// packages lays the packages out as blocks: those of the image itself, what belongs to no package, and those of
// the parent.
func (v *imageView) packages(i inventory.Image, number int) {
	if len(i.Packages) == 0 {
		return
	}
	var all int64
	own, inherited := group{class: "own"}, group{class: "inherited"}
	for n, p := range i.Packages {
		all += p.SizeBytes
		to, from := &own, "this image"
		if p.Inherited {
			to, from = &inherited, i.Parent
		}
		if n < mostRows {
			v.Packages = append(v.Packages, packageView{p.Name, p.Version, size(p.SizeBytes), from})
		}
		to.add(p.Name, p.SizeBytes, fmt.Sprintf("%s %s, %s, from %s", p.Name, p.Version, size(p.SizeBytes), from))
	}
	groups := own.parts()
	v.PackageNote = fmt.Sprintf("%s, %s", count(len(i.Packages), "package"), size(all))
	if other := i.SizeBytes - all; other > i.SizeBytes/100 {
		files := group{class: "other"}
		files.add("other files", other, "files of no package, "+size(other))
		groups = append(groups, files)
		v.PackageNote += fmt.Sprintf(", and %s in files of no package", size(other))
	}
	groups = append(groups, inherited.parts()...)
	for _, m := range []treemapView{
		{Class: "wide", Width: wideWidth, Height: wideHeight}, {Class: "narrow", Width: narrowWidth, Height: narrowHeight},
	} {
		m.ID, m.Name = m.Class+"-"+strconv.Itoa(number), i.Name
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
