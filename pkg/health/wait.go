// Package health decides when a server can be used, and waits for it. A PostgreSQL server counts as ready when
// it answers a query over TCP: while it is being initialised it listens on its socket only, so neither its log
// nor pg_isready inside the container can tell.
//
// Source for "ready": PostgreSQL 18 manual, Frontend/Backend Protocol, Message Flow, ReadyForQuery.
package health

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/poststack/poststack/pkg/trace"
)

// The bounds of [Options.Interval].
const (
	DefaultInterval = 100 * time.Millisecond
	MinInterval     = 10 * time.Millisecond
)

// ErrInterval is an interval below [MinInterval], other than 0.
var ErrInterval = errors.New("probe interval is below 10ms")

// Prober asks something once whether it works. String says what is asked, such as "127.0.0.1:80".
type Prober interface {
	// Probe returns nil when the answer is yes. It ends when ctx does.
	Probe(ctx context.Context) error
	String() string
}

// Options says how [Wait] waits. The zero value polls every [DefaultInterval] until ctx ends.
type Options struct {
	Interval time.Duration // between the end of one probe and the next, at least [MinInterval]; 0 is [DefaultInterval]

	// Alive is asked beside the probes, first after [DefaultInterval] and then ever less often, down to once a second: it
	// is a request to an engine, which keeps it from what is awaited. An error means that what is awaited has ended (a
	// container that exited): Wait returns it at once. It must not report troubles of the asking itself.
	Alive func(ctx context.Context) error

	// Final picks the refusals that no waiting cures, such as a wrong password: Wait returns them at once.
	Final func(refusal error) bool
}

// WaitError is a wait that ended without a yes.
type WaitError struct {
	What    string        // [Prober]'s String
	Waited  time.Duration // until it ended
	Cause   error         // why the wait ended: ctx's cause, or Alive's error; nil if the refusal was final
	Refusal error         // the last answer; nil if there was none
}

// Error is one line: what was awaited and for how long, why that ended, and the last answer.
func (e *WaitError) Error() string {
	msg := fmt.Sprintf("wait for %s (%s)", e.What, e.Waited.Round(time.Millisecond))
	if e.Cause != nil {
		msg += ": " + e.Cause.Error()
	}
	switch {
	case e.Refusal == nil:
		return msg
	case e.Cause != nil:
		return msg + "; its last answer: " + e.Refusal.Error()
	}
	return msg + ": " + e.Refusal.Error()
}

// Unwrap returns the cause and the last answer.
func (e *WaitError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Cause, e.Refusal} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Wait probes p, at once and then every interval, until the answer is yes. A probe that runs when the wait ends
// is cancelled and waited for. Errors are *[WaitError], which holds both ctx's cause and the last answer, or
// [ErrInterval].
func Wait(ctx context.Context, p Prober, o Options) error {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.Interval < MinInterval {
		return ErrInterval
	}
	if trace.From(ctx) != nil {
		defer trace.Start(ctx, trace.Wait, "wait for "+p.String()).End()
	}
	now := time.Now()
	w := wait{prober: p, options: o, start: now, asked: now, pace: DefaultInterval}
	for {
		if ctx.Err() != nil {
			return w.failed(context.Cause(ctx))
		}
		yes, cause := w.probe(ctx)
		if yes {
			return nil
		}
		if cause != nil || w.final() {
			return w.failed(cause)
		}
		if cause := w.pause(ctx); cause != nil {
			return w.failed(cause)
		}
	}
}

// wait is one call of [Wait].
type wait struct {
	prober  Prober
	options Options
	start   time.Time
	refusal error
	asked   time.Time     // when Alive was asked last
	pace    time.Duration // until it is asked again
}

// probe asks once. cause is why the wait is over without an answer.
func (w *wait) probe(ctx context.Context) (yes bool, cause error) {
	probing, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- w.prober.Probe(probing) }()
	for {
		select {
		case err := <-answer:
			if err == nil {
				return true, nil
			}
			w.note(ctx, err)
			return false, nil
		case <-time.After(max(w.options.Interval, DefaultInterval)):
			if cause := w.gone(ctx); cause != nil {
				cancel()
				<-answer //nolint:errcheck // says no more than that it was cancelled
				return false, cause
			}
		}
	}
}

// note keeps err as the last answer. An error that only says that ctx ended is no answer, unless there is none.
func (w *wait) note(ctx context.Context, err error) {
	if w.refusal == nil || ctx.Err() == nil {
		w.refusal = err
	}
}

func (w *wait) final() bool { return w.options.Final != nil && w.options.Final(w.refusal) }

// pause lets the interval pass. It returns why the wait is over, if it is.
func (w *wait) pause(ctx context.Context) error {
	if cause := w.gone(ctx); cause != nil {
		return cause
	}
	timer := time.NewTimer(w.options.Interval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// gone returns the error of Alive, which a ctx that ended meanwhile does not count as.
func (w *wait) gone(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if w.options.Alive == nil || time.Since(w.asked) < w.pace {
		return nil
	}
	w.asked, w.pace = time.Now(), min(2*w.pace, time.Second)
	err := w.options.Alive(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (w *wait) failed(cause error) error {
	return &WaitError{What: w.prober.String(), Waited: time.Since(w.start), Cause: cause, Refusal: w.refusal}
}
