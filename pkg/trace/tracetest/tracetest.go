// Package tracetest reads traces for tests, and holds them to the format.
package tracetest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/poststack/poststack/pkg/trace"
)

// Event is one entry of a trace file, with its members in the format's spelling.
type Event struct {
	Name     string         `json:"name"`
	Category trace.Category `json:"cat"`
	Phase    string         `json:"ph"` // "X" is a span, "M" the name of a line
	Start    *int64         `json:"ts"` // microseconds
	Duration *int64         `json:"dur"`
	Process  *int           `json:"pid"`
	Thread   *int           `json:"tid"`
	Args     map[string]any `json:"args"`
}

// Events are those of a file, in its order.
type Events []Event

// Record begins a trace for the rest of the test, and returns the context whose work it records.
func Record(tb testing.TB) (*trace.Recorder, context.Context) {
	tb.Helper()
	r, err := trace.Open(trace.Options{Path: filepath.Join(tb.TempDir(), "trace.json"), Target: tb.Name()})
	if err != nil {
		tb.Fatal(err)
	}
	return r, trace.With(tb.Context(), r)
}

// Written closes r and reads what it has written.
func Written(tb testing.TB, r *trace.Recorder) Events {
	tb.Helper()
	if err := r.Close(); err != nil {
		tb.Fatal(err)
	}
	return Read(tb, r.Path())
}

// Read reads a trace file and holds it to the format: every event has what its kind demands, every lane has a name,
// and the spans of a lane are inside each other or apart, the outer ones first.
func Read(tb testing.TB, path string) Events {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var doc struct {
		TraceEvents     Events `json:"traceEvents"`
		DisplayTimeUnit string `json:"displayTimeUnit"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		tb.Fatalf("read %s: %v", path, err)
	}
	if doc.DisplayTimeUnit != "ms" {
		tb.Errorf("displayTimeUnit is %q", doc.DisplayTimeUnit)
	}
	open := map[int]Events{}
	for _, e := range doc.TraceEvents {
		if !e.valid() {
			tb.Fatalf("the format does not allow %+v", e)
		}
		if e.Phase == "M" {
			continue
		}
		if doc.TraceEvents.Lane(e) == "" {
			tb.Errorf("the lane of %q has no name", e.Name)
		}
		around := slices.DeleteFunc(open[*e.Thread], func(o Event) bool { return o.end() <= *e.Start })
		for _, o := range around {
			if *o.Start > *e.Start || e.end() > o.end() {
				tb.Errorf("on lane %q, %q and %q overlap halfway", doc.TraceEvents.Lane(e), o.Name, e.Name)
			}
		}
		open[*e.Thread] = append(around, e)
	}
	return doc.TraceEvents
}

// valid tells whether e has what the format demands of its kind.
func (e Event) valid() bool {
	if e.Name == "" || e.Start == nil || e.Process == nil || e.Thread == nil {
		return false
	}
	switch e.Phase {
	case "X":
		return e.Category != "" && e.Duration != nil && *e.Duration >= 0
	case "M":
		return slices.Contains([]string{"process_name", "thread_name", "thread_sort_index"}, e.Name)
	}
	return false
}

// end is when a span ends.
func (e Event) end() int64 { return *e.Start + *e.Duration }

// Find returns the spans of that name.
func (all Events) Find(name string) Events {
	return slices.DeleteFunc(slices.Clone(all), func(e Event) bool { return e.Phase != "X" || e.Name != name })
}

// Of returns the spans of a category.
func (all Events) Of(c trace.Category) Events {
	return slices.DeleteFunc(slices.Clone(all), func(e Event) bool { return e.Category != c })
}

// Names lists the names of all, in their order.
func (all Events) Names() []string {
	names := make([]string, 0, len(all))
	for _, e := range all {
		names = append(names, e.Name)
	}
	return names
}

// One returns the only span of that name.
func (all Events) One(tb testing.TB, name string) Event {
	tb.Helper()
	found := all.Find(name)
	if len(found) != 1 {
		tb.Fatalf("%d spans are named %q; there are %q", len(found), name, all.Names())
	}
	return found[0]
}

// Lane is the name of the lane that a span stands on; "" if it has none.
func (all Events) Lane(span Event) string {
	for _, e := range all {
		if e.Name == "thread_name" && *e.Thread == *span.Thread {
			name, _ := e.Args["name"].(string)
			return name
		}
	}
	return ""
}
