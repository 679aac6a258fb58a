// Package trace notes when each part of a run began and ended, and writes that as one file for a viewer of
// traces, such as https://ui.perfetto.dev or chrome://tracing. A run that is not traced has no [Recorder]:
// every function here then does nothing, and allocates nothing.
//
// What the file holds are names, times and arguments of programs. It never holds an environment or what a
// program reads or prints, and every known secret is masked in it.
package trace

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/session"
)

// Category is the kind of thing that a span measures.
type Category string

// The categories.
const (
	Target     Category = "target"     // the whole run of a target named on the command line
	Phase      Category = "phase"      // a phase, such as "build:base"
	Step       Category = "step"       // a step of a phase, until the next one or the end of the phase
	Subprocess Category = "subprocess" // a program, from its start until nothing of it is left
	API        Category = "api"        // a request to an engine's API, until its answer is read
	Database   Category = "database"   // a login, or a statement until its last row is read
	Download   Category = "download"   // one attempt to get a file
	Wait       Category = "wait"       // waiting until something is ready, or for another run
)

// frame tells whether spans of the category make up the run, with everything else below them.
func (c Category) frame() bool { return c == Target || c == Phase || c == Step }

// Arg is something more about a span: a text or a number.
type Arg struct {
	key    string
	text   string
	number int
	isText bool
}

// Text is an argument of a span.
func Text(key, value string) Arg { return Arg{key: key, text: value, isText: true} }

// Number is an argument of a span.
func Number(key string, value int) Arg { return Arg{key: key, number: value} }

// span is a part of the run. Its times count from the beginning of the recording.
type span struct {
	lane       string
	category   Category
	name       string
	start, end time.Duration
	open       bool // it has not ended
	args       []Arg
}

// Options say what a recorder is for.
type Options struct {
	Path    string      // of the file to write, absolute; "" records nothing
	Target  string      // as named on the command line
	Run     string      // a second recorder of the same run adds to the file of the first; "" is this process
	Secrets *secret.Set // are masked, also those that become known later; may be nil
}

// Recorder collects the spans of a run until [Recorder.Close] writes them. It is safe for concurrent use. A nil
// one records nothing.
type Recorder struct {
	options Options
	origin  time.Time

	mu     sync.Mutex
	spans  []span
	closed bool
}

// Open begins a recording. An error means that the file could not be written in the end: there is no such
// directory, or there is something else in its place that would be lost. It is nil without a path.
func Open(o Options) (*Recorder, error) {
	if o.Path == "" {
		return nil, nil //nolint:nilnil // a nil recorder is one that records nothing
	}
	path, err := writable(o.Path)
	if err != nil {
		return nil, err
	}
	o.Path, o.Run = path, cmp.Or(o.Run, session.Process())
	r := &Recorder{options: o, origin: time.Now()}
	r.Start(mainLane, Target, o.Target) // ends with the recording
	return r, nil
}

// mainLane has what belongs to no phase.
const mainLane = "run"

// Span is a part of the run that may be under way. Its zero value is none.
type Span struct {
	recorder *Recorder
	index    int
}

// Start begins a span that is drawn beside the others of that lane, or inside them. One that is never ended
// ends with the recording, and is marked.
func (r *Recorder) Start(lane string, c Category, name string, args ...Arg) Span {
	if r == nil {
		return Span{}
	}
	return r.startAt(time.Now(), lane, c, name, args)
}

func (r *Recorder) startAt(at time.Time, lane string, c Category, name string, args []Arg) Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return Span{}
	}
	r.spans = append(r.spans, span{
		lane: lane, category: c, name: name, start: at.Sub(r.origin), open: true, args: slices.Clone(args),
	})
	return Span{recorder: r, index: len(r.spans) - 1}
}

// End ends the span, with more arguments. A second time it does nothing.
func (s Span) End(args ...Arg) {
	if s.recorder != nil {
		s.endAt(time.Now(), args)
	}
}

func (s Span) endAt(at time.Time, args []Arg) {
	if s.recorder == nil {
		return
	}
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	this := &s.recorder.spans[s.index]
	if s.recorder.closed || !this.open {
		return
	}
	this.end, this.open = max(at.Sub(s.recorder.origin), this.start), false
	this.args = append(this.args, args...)
}
