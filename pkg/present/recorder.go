package present

import (
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/event"
)

// End is how a run ended.
type End struct {
	Err    error  // nil if all went well
	Status int    // exit status; above 128 the run was interrupted
	Log    string // path of the run's log relative to the checkout; "" if nothing was logged
}

// recorder makes a [Document] of the events of a run.
type recorder struct {
	document Document
	running  map[string]int // index of a phase that has not ended, by name
	text     []string       // of results that have no value for machines
}

func newRecorder(target string) *recorder {
	return &recorder{
		document: Document{
			Version: DocumentVersion, Target: target, Started: time.Now(), Phases: []Phase{}, Messages: []Message{},
		},
		running: map[string]int{},
	}
}

// handle takes over what e says.
func (r *recorder) handle(e event.Event) {
	at, known := r.running[e.Phase]
	switch e.Kind {
	case event.PhaseStarted:
		r.running[e.Phase] = len(r.document.Phases)
		r.document.Phases = append(r.document.Phases, Phase{Name: e.Phase, Started: e.At, Steps: []Step{}})
	case event.PhaseEnded:
		if known {
			p := &r.document.Phases[at]
			p.Seconds, p.Outcome, p.Text, p.Log = e.Elapsed.Seconds(), e.Outcome, e.Text, e.Log
			p.Detail, p.Data, p.Place = e.Detail, e.Data, e.Place
			delete(r.running, e.Phase)
		}
	case event.Step:
		if known {
			phase := &r.document.Phases[at]
			phase.Steps = append(phase.Steps, Step{Started: e.At, Text: e.Text})
		}
	case event.Notice, event.Warning:
		r.document.Messages = append(r.document.Messages, Message{At: e.At, Kind: e.Kind, Phase: e.Phase, Text: e.Text})
	case event.Result:
		if e.Report.Data != nil {
			r.document.Result = e.Report.Data
		} else if e.Report.Text != "" {
			r.text = append(r.text, e.Report.Text)
		}
	}
}

// close returns the whole run. Phases that have not ended were cut off with it.
func (r *recorder) close(end End) Document {
	d, now := r.document, time.Now()
	for _, at := range r.running {
		d.Phases[at].Outcome, d.Phases[at].Seconds = event.Cancelled, now.Sub(d.Phases[at].Started).Seconds()
	}
	d.Seconds, d.ExitStatus, d.Log = now.Sub(d.Started).Seconds(), end.Status, end.Log
	if d.Result == nil && len(r.text) > 0 {
		d.Result = strings.Join(r.text, "\n")
	}
	d.Outcome = d.outcome()
	if end.Err != nil {
		d.Error, d.Place = oneLine(end.Err), event.Blame(end.Err)
		if d.Outcome = event.Failed; end.Status > 128 {
			d.Outcome = event.Cancelled
		}
	}
	return d
}

// outcome is how a run ended that did not fail: it changed something, or else as the phase of its own name did.
func (d Document) outcome() event.Outcome {
	outcome := event.Unchanged
	for _, phase := range d.Phases {
		if phase.Outcome == event.Done {
			return event.Done
		}
		if phase.Name == d.Target {
			outcome = phase.Outcome
		}
	}
	return outcome
}

// oneLine is an error's text with its lines joined.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
