package stack

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/trace"
)

// ended is how the work of a phase ended when it did not fail.
type ended struct {
	Outcome event.Outcome
	Text    string // what there is now, in a few words
	Log     string // path of the log file of its own, if it has one
	Data    any    // the same as a value for machines; nil for none
}

// task is the work of a phase.
type task func(ctx context.Context, r event.Reporter) (ended, error)

// safely does the task; a panic is its error, so that the phase ends and is told of.
func (s *Stack) safely(ctx context.Context, do task, r event.Reporter) (how ended, err error) {
	defer s.Recover(&err)
	return do(ctx, r)
}

// run does a phase that may change something: under the stack's lock, between the events that tell of it.
func (s *Stack) run(ctx context.Context, phase string, class Class, do task) error {
	r := s.Sink.For(phase)
	ctx = trace.Lane(ctx, phase)
	start := time.Now()
	s.Sink.Send(event.Event{Kind: event.PhaseStarted, Phase: phase, At: start})
	var how ended
	err := s.acquire(ctx, r)
	if err == nil {
		how, err = s.safely(ctx, do, r)
	}
	end := event.Event{
		Kind: event.PhaseEnded, Phase: phase, Elapsed: time.Since(start),
		Outcome: how.Outcome, Text: how.Text, Log: how.Log, Data: how.Data,
	}
	switch {
	case err == nil && how.Outcome == event.Done:
		s.changed.Store(true)
	case err != nil && interrupted(ctx, err):
		for _, line := range further(err) { // what could not be cleaned up is joined to the cancellation
			r.Warn(line)
		}
		err = context.Cause(ctx)
		end.Outcome = event.Cancelled
	case err != nil:
		failed := s.failure(phase, class, err)
		end.Outcome, end.Text, end.Detail, end.Log = event.Failed, failed.summary(), failed.details(), failed.Log
		end.Place = event.Blame(err)
		err = failed
	}
	s.Sink.Send(end)
	return err
}

// once is a value that is made at most once, by the first who needs it; a failure is remembered too.
type once[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (o *once[T]) get(first func() (T, error)) (T, error) {
	o.once.Do(func() { o.value, o.err = first() })
	return o.value, o.err
}

// PanicError is a fault in this program: code that ran into a panic.
type PanicError struct{ Value any }

func (e *PanicError) Error() string {
	return fmt.Sprintf("panic: %v; this is a fault in Poststack itself: please report it with the log", e.Value)
}

// Recover makes an error of a panic, and tells where it happened. It is to be deferred itself.
func (s *Stack) Recover(err *error) {
	value := recover()
	if value == nil {
		return
	}
	*err = &PanicError{Value: value}
	s.Sink.Send(event.Event{
		Kind: event.Warning, Text: (*err).Error(), Detail: strings.Split(strings.TrimSpace(string(debug.Stack())), "\n"),
	})
}

// tracedTerminal records the programs that talk to the user.
type tracedTerminal struct{ Terminal }

// traced returns a terminal that records its programs; that of nil is nil.
func traced(t Terminal) Terminal {
	if t == nil {
		return nil
	}
	return tracedTerminal{t}
}

// Run runs c and records it.
func (t tracedTerminal) Run(ctx context.Context, c runner.Command) (int, error) {
	span := runner.Trace(ctx, c)
	code, err := t.Terminal.Run(ctx, c)
	span.End(trace.Number("exit status", code))
	return code, err
}
