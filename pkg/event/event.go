// Package event is what work says while it runs: phases begin and end, steps, notices, warnings. Events are
// values; package present turns them into what a person sees. Nothing here does any work.
package event

import (
	"errors"
	"time"
)

// Kind tells what an [Event] reports.
type Kind string

// The kinds of events.
const (
	PhaseStarted Kind = "phase-started" // a phase such as "build:base" begins
	PhaseEnded   Kind = "phase-ended"   // it ended; Outcome, Elapsed and Text tell how
	Step         Kind = "step"          // what the phase does now, one line
	Notice       Kind = "notice"        // something worth telling, also when all is well
	Warning      Kind = "warning"       // something the user should look at
	Output       Kind = "output"        // one line of what a target was asked for, as it comes
	Result       Kind = "result"        // what a target was asked for; Report has it
)

// Outcome is how a phase ended.
type Outcome string

// The outcomes of a phase.
const (
	Done      Outcome = "done"      // it changed something
	Unchanged Outcome = "unchanged" // there was nothing to do
	Passed    Outcome = "passed"    // what was checked is as it should be
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
)

// Event is one thing that happened.
type Event struct {
	At      time.Time
	Kind    Kind
	Phase   string // the target's name as mage lists it; empty outside a phase
	Text    string // one line, no secrets
	Outcome Outcome
	Elapsed time.Duration // of a phase that ended
	Detail  []string      // more about a failure, line by line: the end of a build's output, for example
	Log     string        // path of the log file relative to the checkout, if there is one
	Report  *Report       // of a Result
	Data    any           // of a phase that ended: what it made, as a value for machines; nil for none
	Place   Place         // of a failure: the file that is to blame; zero if none is
}

// Place is a file of the checkout, and a line in it.
type Place struct {
	File string `json:"file"`           // relative to the checkout, with slashes
	Line int    `json:"line,omitempty"` // from 1; 0 if it is not known
}

// Blame is the file that err says is to blame; zero if none is.
func Blame(err error) Place {
	var with interface {
		Where() (file string, line int)
	}
	if !errors.As(err, &with) {
		return Place{}
	}
	if file, line := with.Where(); file != "" {
		return Place{File: file, Line: line}
	}
	return Place{}
}

// Report is what a target was asked for: text, a table, or both. Data is the same as a value for machines.
type Report struct {
	Text   string // printed as it is; empty for none
	Header []string
	Rows   [][]string
	Data   any
}

// Sink receives events, possibly from several goroutines at once. A nil Sink drops them.
type Sink func(Event)

// Send stamps e with the time, unless it has one, and passes it on.
func (s Sink) Send(e Event) {
	if s == nil {
		return
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	s(e)
}

// Reporter sends the events of one phase. Its zero value drops them.
type Reporter struct {
	sink  Sink
	phase string
}

// Result passes on what the user asked for.
func (s Sink) Result(r Report) { s.Send(Event{Kind: Result, Report: &r}) }

// For returns a reporter for the phase of that name.
func (s Sink) For(phase string) Reporter { return Reporter{sink: s, phase: phase} }

// Step says what the phase does now.
func (r Reporter) Step(text string) { r.sink.Send(Event{Kind: Step, Phase: r.phase, Text: text}) }

// Notice tells something worth knowing.
func (r Reporter) Notice(text string) { r.sink.Send(Event{Kind: Notice, Phase: r.phase, Text: text}) }

// Warn tells something the user should look at.
func (r Reporter) Warn(text string) { r.sink.Send(Event{Kind: Warning, Phase: r.phase, Text: text}) }
