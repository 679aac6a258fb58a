package report

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/present"
)

// The heights of the time line, in pixels.
const (
	axisHeight = 24
	laneHeight = 52
	barTop     = 24 // of a lane's bar below its name
	barHeight  = 18
)

// timeline is a setup over time: a lane for each phase.
type timeline struct {
	Height, AxisY int
	Ticks         []tick
	Lanes         []lane
	Cached, Waits bool // there is something of that kind, and the key explains it
}

// tick is a mark on the axis of time.
type tick struct {
	At     float64 // share of the whole
	Label  string
	Anchor string
}

// lane is a phase.
type lane struct {
	present.Phase
	Class, Word, Took   string // how it ended
	TextY, BarY, BarEnd int
	At, Width           float64 // shares of the whole
	Parts               []part
	Steps               []step
	Note                string // how many steps there were and came from the cache
}

// part is what a phase did for a while.
type part struct {
	Kind      string // work, cached or wait
	At, Width float64
	Y         int
	Edge      bool // it is wide enough for an edge
	Title     string
}

// step is a row of a phase's table.
type step struct{ Text, Took, Kind string }

// built is what is read of an image that a phase has made: stack.ImageData as JSON.
type built struct {
	Cached int `json:"cached_steps"`
	Steps  []struct {
		Text    string  `json:"text"`
		Cached  bool    `json:"cached"`
		Seconds float64 `json:"seconds"`
	} `json:"steps"`
}

// newTimeline lays doc out. A run that was cut off may have phases without an end: they last as long as it did.
func newTimeline(doc *present.Document) timeline {
	whole := doc.Seconds
	for _, p := range doc.Phases {
		whole = math.Max(whole, p.Started.Sub(doc.Started).Seconds()+p.Seconds)
	}
	whole = math.Max(whole, 0.001)
	t := timeline{Height: axisHeight + laneHeight*len(doc.Phases), AxisY: axisHeight - 10, Ticks: ticks(whole)}
	for i, p := range doc.Phases {
		l := newLane(p, doc, whole)
		top := axisHeight + i*laneHeight
		l.TextY, l.BarY, l.BarEnd = top+barTop-6, top+barTop, top+barTop+barHeight
		for j := range l.Parts {
			l.Parts[j].Y = l.BarY
			t.Cached = t.Cached || l.Parts[j].Kind == "cached"
			t.Waits = t.Waits || l.Parts[j].Kind == "wait"
		}
		t.Lanes = append(t.Lanes, l)
	}
	return t
}

func newLane(p present.Phase, doc *present.Document, whole float64) lane {
	begin := clamp(p.Started.Sub(doc.Started).Seconds() / whole)
	length := p.Seconds
	if p.Outcome == "" {
		length = math.Max(length, doc.Started.Add(seconds(doc.Seconds)).Sub(p.Started).Seconds())
	}
	l := lane{
		Phase: p, Took: present.Duration(seconds(length)), At: begin, Width: math.Min(clamp(length/whole), 1-begin),
	}
	l.Class, l.Word = outcome(p.Outcome)
	told := told(p, doc.Messages)
	for i, s := range told {
		end := p.Started.Add(seconds(length))
		if i+1 < len(told) {
			end = told[i+1].Started
		}
		kind, took := kindOf(s.Text), max(end.Sub(s.Started), 0)
		at := clamp(s.Started.Sub(doc.Started).Seconds() / whole)
		width := math.Min(clamp(took.Seconds()/whole), 1-at)
		l.Parts = append(l.Parts, part{
			Kind: kind, At: at, Width: width, Edge: width > 0.008,
			Title: p.Name + ": " + s.Text + ", " + present.Duration(took),
		})
		l.Steps = append(l.Steps, step{Text: s.Text, Took: present.Duration(took), Kind: kind})
	}
	l.measured(p.Data)
	return l
}

// told is what a phase said it was doing, and what it said it was waiting for, in that order of time.
func told(p present.Phase, messages []present.Message) []present.Step {
	var all []present.Step
	for _, m := range messages {
		if m.Phase == p.Name && strings.HasPrefix(m.Text, waiting) {
			all = append(all, present.Step{Started: m.At, Text: m.Text})
		}
	}
	for _, s := range p.Steps {
		i := len(all)
		for i > 0 && all[i-1].Started.After(s.Started) {
			i--
		}
		// Buildah tells a step twice when it comes from the cache, first as any other.
		if i > 0 && all[i-1].Text+cached == s.Text {
			all[i-1].Text = s.Text
			continue
		}
		all = slices.Insert(all, i, s)
	}
	return all
}

// How a phase says that it waits for something, and that a step came from a cache.
const (
	waiting = "waiting "
	cached  = " (cached)"
)

// kindOf tells from what a phase said whether it worked then, took something from a cache, or waited.
func kindOf(text string) string {
	switch {
	case strings.HasPrefix(text, waiting) || strings.Contains(text, "; "+waiting):
		return "wait"
	case strings.HasSuffix(text, cached):
		return "cached"
	}
	return "work"
}

// measured takes the steps as the builder measured them, if the phase was a build.
func (l *lane) measured(data any) {
	var b built
	text, err := json.Marshal(data)
	if err != nil || json.Unmarshal(text, &b) != nil || len(b.Steps) == 0 {
		return
	}
	l.Steps = nil
	for _, s := range b.Steps {
		row := step{Text: s.Text, Took: present.Duration(seconds(s.Seconds)), Kind: "work"}
		if s.Cached {
			row.Kind, row.Took = "cached", ""
		}
		l.Steps = append(l.Steps, row)
	}
	l.Note = count(len(b.Steps), "step") + ", " + count(b.Cached, "cached")
}

// outcome is the class of an outcome, and the word for it.
func outcome(o event.Outcome) (class, word string) {
	switch o {
	case event.Done, event.Unchanged, event.Passed, event.Failed, event.Cancelled:
		return string(o), string(o)
	case "":
		return "unknown", "did not end"
	}
	return "unknown", string(o)
}

// ticks are marks at round times, at most six.
func ticks(whole float64) []tick {
	step := math.Pow(10, math.Floor(math.Log10(whole)))
	for _, of := range []float64{0.2, 0.5, 1, 2, 5} {
		if whole/(step*of) <= 5 {
			step *= of
			break
		}
	}
	var list []tick
	for i := 0; float64(i)*step <= whole*1.0001; i++ {
		t := tick{At: clamp(float64(i) * step / whole), Label: axisTime(float64(i) * step), Anchor: "middle"}
		switch {
		case i == 0:
			t.Anchor = "start"
		case t.At > 0.94:
			t.Anchor = "end"
		}
		list = append(list, t)
	}
	return list
}

// axisTime is a round time without needless digits.
func axisTime(s float64) string {
	if s == 0 {
		return "0"
	}
	if s >= 60 {
		text := strings.TrimSuffix(seconds(s).Round(time.Second).String(), "m0s")
		if !strings.HasSuffix(text, "s") {
			text += "m"
		}
		return text
	}
	return seconds(s).Round(time.Millisecond).String()
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func clamp(share float64) float64 { return math.Max(0, math.Min(1, share)) }
