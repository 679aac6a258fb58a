package trace

import (
	"sync"

	events "github.com/poststack/poststack/pkg/event"
)

// Sink returns a sink that records phases and their steps, and passes every event on to next, which may be nil.
// That of a nil recorder is next itself.
func (r *Recorder) Sink(next events.Sink) events.Sink {
	if r == nil {
		return next
	}
	p := &phases{recorder: r, running: map[string]*phase{}}
	return func(e events.Event) {
		p.handle(e)
		next.Send(e)
	}
}

// phases are those under way, by name.
type phases struct {
	recorder *Recorder
	mu       sync.Mutex
	running  map[string]*phase
}

// phase is a phase under way, and its last step.
type phase struct{ whole, step Span }

// handle records what e tells.
func (p *phases) handle(e events.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	running := p.running[e.Phase]
	switch {
	case e.Kind == events.PhaseStarted:
		p.running[e.Phase] = &phase{whole: p.recorder.startAt(e.At, e.Phase, Phase, e.Phase, nil)}
	case running == nil: // a step outside of phases has no end
	case e.Kind == events.Step:
		running.step.endAt(e.At, nil)
		running.step = p.recorder.startAt(e.At, e.Phase, Step, e.Text, nil)
	case e.Kind == events.PhaseEnded:
		running.step.endAt(e.At, nil)
		running.whole.endAt(e.At, outcome(e))
		delete(p.running, e.Phase)
	}
}

// outcome is how a phase ended.
func outcome(e events.Event) []Arg {
	args := []Arg{Text("outcome", string(e.Outcome))}
	if e.Text != "" {
		args = append(args, Text("text", e.Text))
	}
	if e.Log != "" {
		args = append(args, Text("log", e.Log))
	}
	return args
}
