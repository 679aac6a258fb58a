package trace

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// The longest texts in a trace, in bytes: viewers show a name in one line, and an argument in a small table.
const (
	maxName = 120
	maxText = 500
)

// document is a trace file: the object form of the Trace Event Format, with its members in the format's spelling.
//
// Source: "Trace Event Format", https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
type document struct {
	Events []event `json:"traceEvents"`
	Unit   string  `json:"displayTimeUnit"`
	Other  other   `json:"otherData"`
}

// other is what viewers show as metadata.
type other struct {
	Run string `json:"run"` // of Options
}

// event is a span ("X", complete) or the name of a line ("M", metadata). Times are in microseconds, those of spans
// since 1970, so that the traces of several recorders can stand in one file.
type event struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"`
	Start    int64          `json:"ts"`
	Duration *int64         `json:"dur,omitempty"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	Args     map[string]any `json:"args,omitempty"`

	lane string
}

// end is when a span ends.
func (e event) end() int64 { return e.Start + *e.Duration }

// encode makes the file's text of what was recorded, and of spans from before.
func (r *Recorder) encode(before []event) ([]byte, error) {
	spans := before
	for _, s := range r.spans {
		spans = append(spans, r.event(s))
	}
	lanes := layOut(spans)
	doc := document{Unit: "ms", Other: other{Run: r.options.Run}}
	doc.Events = append(doc.Events, metadata(0, "process_name", map[string]any{"name": "poststack"}))
	for i, l := range lanes {
		doc.Events = append(
			doc.Events, metadata(i+1, "thread_name", map[string]any{"name": l.label, "lane": l.group}),
			metadata(i+1, "thread_sort_index", map[string]any{"sort_index": i + 1}),
		)
	}
	doc.Events = append(doc.Events, spans...)
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode trace: %w", err)
	}
	return append(text, '\n'), nil
}

// metadata tells a viewer something about a line.
func metadata(thread int, name string, args map[string]any) event {
	return event{Name: name, Phase: "M", Process: os.Getpid(), Thread: thread, Args: args}
}

// event is a span as the file has it. Both of its ends are rounded down, so that what was inside stays inside.
func (r *Recorder) event(s span) event {
	start := r.origin.Add(s.start).UnixMicro()
	duration := r.origin.Add(s.end).UnixMicro() - start
	e := event{
		Name: r.clean(s.name, maxName), Category: string(s.category), Phase: "X", Start: start, Duration: &duration,
		Process: os.Getpid(), lane: r.clean(s.lane, maxName),
	}
	if len(s.args) > 0 {
		e.Args = make(map[string]any, len(s.args))
	}
	for _, a := range s.args {
		if e.Args[a.key] = any(a.number); a.isText {
			e.Args[a.key] = r.clean(a.text, maxText)
		}
	}
	return e
}

// clean masks the secrets in text and cuts it off after limit bytes: in that order, since half a secret would not
// be known for one.
func (r *Recorder) clean(text string, limit int) string {
	text = strings.ToValidUTF8(r.options.Secrets.Redact(text), "\uFFFD")
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

// finish ends what has not ended, and marks it.
func (r *Recorder) finish(at time.Time) {
	for i := range r.spans {
		s := &r.spans[i]
		if !s.open {
			continue
		}
		s.end, s.open = max(at.Sub(r.origin), s.start), false
		if s.category != Target {
			s.args = append(s.args, Text("ended", "with the run"))
		}
	}
}
