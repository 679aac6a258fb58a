package present

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/secret"
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

// DocumentVersion is the version of the shape of [Document]. It grows when a field changes its meaning or
// goes away; new fields do not change it.
const DocumentVersion = 1

// Document is one run as a value: what the JSON view prints, and what the report is drawn from.
type Document struct {
	Version    int           `json:"version"`
	Target     string        `json:"target"` // as named on the command line
	Started    time.Time     `json:"started"`
	Seconds    float64       `json:"seconds"`
	Outcome    event.Outcome `json:"outcome"` // done if any phase changed something
	ExitStatus int           `json:"exit_status"`
	Error      string        `json:"error,omitempty"` // one line
	Place      event.Place   `json:"place,omitzero"`  // the file that is to blame for the error
	Log        string        `json:"log,omitempty"`   // path relative to the checkout
	Phases     []Phase       `json:"phases"`          // in the order in which they began
	Messages   []Message     `json:"messages"`        // notices and warnings, in order
	Result     any           `json:"result"`          // what the target was asked for; null if it was asked for nothing
}

// Phase is a part of a run, such as build:base.
type Phase struct {
	Name    string        `json:"name"`
	Started time.Time     `json:"started"`
	Seconds float64       `json:"seconds"`
	Outcome event.Outcome `json:"outcome"`
	Text    string        `json:"text,omitempty"`
	Log     string        `json:"log,omitempty"`
	Detail  []string      `json:"detail,omitempty"` // more about a failure
	Place   event.Place   `json:"place,omitzero"`   // the file that is to blame for a failure
	Steps   []Step        `json:"steps"`
	Data    any           `json:"data,omitempty"` // what it made, such as an image with its steps and size
}

// Step is what a phase said it was doing, and when it began that.
type Step struct {
	Started time.Time `json:"started"`
	Text    string    `json:"text"`
}

// Message is something that was told beside the phases.
type Message struct {
	At    time.Time  `json:"at"`
	Kind  event.Kind `json:"kind"`            // notice or warning
	Phase string     `json:"phase,omitempty"` // empty outside a phase
	Text  string     `json:"text"`
}

// Keep writes the document to a file, all of it or nothing, with every secret masked. Whoever reads the file
// meanwhile gets the old one or the new one. It is not forced to the disk, which takes longer than a run with
// nothing to do: after a power failure it may be gone.
func (d Document) Keep(path string, secrets *secret.Set) error {
	text, err := json.Marshal(d)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	var f *renameio.PendingFile
	if err == nil {
		f, err = renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)),
			renameio.WithStaticPermissions(0o600))
	}
	if err == nil {
		defer f.Cleanup() //nolint:errcheck // nothing is left to clean up once the file is in its place
		_, err = f.Write(append(masked(text, secrets), '\n'))
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// encode is the document in one line, as the user gets it: what was asked for as it is, such as the URL with its
// password, and all else with secrets masked.
func (d Document) encode(secrets *secret.Set) ([]byte, error) {
	d.Phases = slices.Clone(d.Phases)
	for i, phase := range d.Phases {
		if phase.Data == nil {
			continue
		}
		data, err := json.Marshal(phase.Data)
		if err != nil {
			return nil, fmt.Errorf("encode data of %q: %w", phase.Name, err)
		}
		d.Phases[i].Data = json.RawMessage(masked(data, secrets))
	}
	d.Error = secrets.Redact(d.Error)
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return append(text, '\n'), nil
}

// literal is a JSON string, and the colon of a member's name.
var literal = regexp.MustCompile(`"(?:[^"\\]|\\.)*":?`)

// masked takes the secrets out of the strings of a JSON text as json.Marshal writes it. Names of members and
// the punctuation stay, whatever the secrets are.
func masked(text []byte, secrets *secret.Set) []byte {
	return literal.ReplaceAllFunc(text, func(found []byte) []byte {
		var value string
		if json.Unmarshal(found, &value) != nil { // it is a name
			return found
		}
		clean := secrets.Redact(value)
		if clean == value {
			return found
		}
		out, _ := json.Marshal(clean) // a string cannot fail
		return out
	})
}
