package report

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/inventory"
	"github.com/poststack/poststack/pkg/present"
)

// page is what the template draws.
type page struct {
	inventory.Inventory
	Style     template.CSS
	StyleHash string
	Title     string // one sentence: how the last setup ended
	Lead      string
	Facts     []fact
	Setup     *setupView // nil if there was none
	Images    []imageView
	Disk      int64 // what all images take together
	Schema    schemaView
}

// fact is one of the numbers at the top.
type fact struct{ Name, Value, More string }

// setupView is a setup as it is drawn.
type setupView struct {
	*present.Document
	Class, Word string
	Timeline    timeline
}

// schemaView is the schema as it is drawn.
type schemaView struct {
	inventory.Schema
	Applied, Pending, Skipped int
	Bars                      []bar
}

// bar is a part of the line that shows how far the schema is.
type bar struct {
	Class     string
	At, Width float64
}

func newPage(r Report) page {
	i := r.Inventory
	p := page{
		Inventory: i, Images: newImages(i.Images), Disk: onDisk(i.Images), Schema: newSchema(i.Schema),
		Title: "No setup has been recorded", Lead: "Stack " + i.Stack,
	}
	took := fact{"Last setup", "none", "run: mage setup"}
	if doc := r.Setup; doc != nil {
		p.Setup = &setupView{Document: doc, Timeline: newTimeline(doc)}
		p.Setup.Class, p.Setup.Word = outcome(doc.Outcome)
		took = fact{
			"Last setup", present.Duration(seconds(doc.Seconds)), count(len(doc.Phases), "phase") + ", " + p.Setup.Word,
		}
		p.Title = title(doc)
		p.Lead = fmt.Sprintf("Stack %s, %s", i.Stack, moment(doc.Started))
	}
	answers := fact{"Database", "answers", place(i.Database.URL)}
	if i.Database.Answers != "yes" {
		answers.Value, answers.More = "no answer", i.Database.Answers
	}
	p.Facts = []fact{
		took,
		{"Images on disk", size(p.Disk), count(builtOf(i.Images), "image") + ", shared layers once"},
		{"Schema", p.Schema.summary(), p.Schema.State},
		answers,
	}
	if len(i.Services) > 0 {
		p.Facts = append(p.Facts, servicesFact(i))
	}
	return p
}

// place is where a database is: its host, port and name.
func place(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Host + u.Path
}

// title tells how a setup ended.
func title(doc *present.Document) string {
	took := present.Duration(seconds(doc.Seconds))
	switch doc.Outcome {
	case event.Failed:
		return "The last setup failed after " + took
	case event.Cancelled:
		return "The last setup was interrupted after " + took
	case event.Unchanged:
		return "Nothing had changed: the last setup took " + took
	case event.Done, event.Passed:
		return "The last setup took " + took
	}
	return "The last setup did not end"
}

func newSchema(s inventory.Schema) schemaView {
	v := schemaView{Schema: s}
	for _, c := range s.Changesets {
		switch c.State {
		case "applied":
			v.Applied++
		case "pending", "changed, runs again":
			v.Pending++
		default:
			v.Skipped++
		}
	}
	at, all := 0.0, float64(max(len(s.Changesets), 1))
	for _, part := range []struct {
		class string
		n     int
	}{{"done", v.Applied}, {"cancelled", v.Pending}, {"unchanged", v.Skipped}} {
		if part.n > 0 {
			v.Bars = append(v.Bars, bar{part.class, at, float64(part.n) / all})
			at += float64(part.n) / all
		}
	}
	return v
}

// summary is the schema in two words.
func (s schemaView) summary() string {
	switch {
	case len(s.Changesets) == 0:
		return "unknown"
	case s.Pending > 0:
		return fmt.Sprintf("%d pending", s.Pending)
	}
	return fmt.Sprintf("%d applied", s.Applied)
}

// onDisk is what images take together: what a child shares with its parent counts once.
func onDisk(images []inventory.Image) int64 {
	var sum int64
	for _, i := range images {
		for _, l := range i.Layers {
			if !l.Inherited {
				sum += l.SizeBytes
			}
		}
	}
	return sum
}

func builtOf(images []inventory.Image) int {
	n := 0
	for _, i := range images {
		if i.ID != "" {
			n++
		}
	}
	return n
}

// badge is the class of what says how a service is.
func badge(h inventory.Health) string {
	return map[inventory.Health]string{
		inventory.Well: "done", inventory.Impaired: "cancelled", inventory.Down: "failed",
	}[h]
}

// others are the names that a certificate is for; "" where its own name says it all.
func others(c inventory.Certificate) string {
	if slices.Equal(c.Names, []string{c.Name}) {
		return ""
	}
	return strings.Join(c.Names, ", ")
}

// servicesFact is how many services are well, and which certificate ends first.
func servicesFact(i inventory.Inventory) fact {
	well := 0
	for _, s := range i.Services {
		if s.Health == inventory.Well {
			well++
		}
	}
	f := fact{Name: "Services", Value: fmt.Sprintf("%d of %d well", well, len(i.Services)), More: "no certificate yet"}
	var first *int
	wrong := 0
	for _, c := range i.Certificates {
		if c.Wrong {
			wrong++
		}
		if c.DaysLeft != nil && (first == nil || *c.DaysLeft < *first) {
			first = c.DaysLeft
		}
	}
	switch {
	case wrong > 0:
		f.More = count(wrong, "certificate") + " to look after"
	case first != nil:
		f.More = "certificates: the first ends in " + days(*first)
	}
	return f
}

// days are whole days until something ends.
func days(n int) string {
	if n < 0 {
		return "ended"
	}
	return count(n, "day")
}
