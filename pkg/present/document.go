package present

import (
	"time"

	"github.com/poststack/poststack/pkg/event"
)

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
