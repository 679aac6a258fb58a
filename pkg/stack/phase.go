package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

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

// lockPoll is how often a waiting run asks whether the stack is free.
const lockPoll = 200 * time.Millisecond

// holderWait is how long a waiting run gives the other one to say who it is.
const holderWait = time.Second

// lock is held by the one run that may change a stack. It is the kernel's, and so ends with its holder. Who holds it
// stands beside it. The file goes with the stack, in a reset: who was waiting for it then finds that it has locked a
// file that is not there any more, and takes the new one.
type lock struct {
	file   *flock.Flock
	holder string
	spent  bool // the stack is gone: so is the file, once it is released
}

// lockFile is the file that is locked.
func (s *Stack) lockFile() string { return filepath.Join(s.Config.StateDir, "lock") }

// acquire takes the stack's lock for the rest of the run, once. When another run has it, it says which, and
// waits for as long as ctx lasts.
func (s *Stack) acquire(ctx context.Context, r event.Reporter) error {
	_, err := s.lockOnce.get(func() (*lock, error) {
		dir := s.Config.StateDir
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, badUsage("create state directory: %v; choose another with POSTSTACK_STATE_DIR", err)
		}
		l := &lock{file: flock.New(s.lockFile()), holder: filepath.Join(dir, "lock.holder")}
		if err := s.wait(ctx, r, l); err != nil {
			return nil, fmt.Errorf("lock stack %q: %w", s.Config.Stack, err)
		}
		// On a full disk nobody is told who this is: what makes room there, such as reset, must not fail for that.
		who := fmt.Sprintf("process %d (%s)", os.Getpid(), strings.Join(os.Args[1:], " "))
		_ = os.WriteFile(l.holder, []byte(who), 0o600)
		s.locked.Store(true)
		return l, nil
	})
	return err
}

// wait takes the lock, and waits for who has it.
func (s *Stack) wait(ctx context.Context, r event.Reporter, l *lock) error {
	for {
		free, err := l.file.TryLock()
		if err == nil && !free {
			r.Notice(fmt.Sprintf("waiting for %s, which works on stack %q", l.held(ctx), s.Config.Stack))
			span := trace.Start(ctx, trace.Wait, "wait for another run")
			_, err = l.file.TryLockContext(ctx, lockPoll)
			span.End()
		}
		if err != nil || l.current() {
			return err
		}
		if err := l.file.Unlock(); err != nil { // a reset has deleted it meanwhile
			return err
		}
		if err := os.MkdirAll(filepath.Dir(l.file.Path()), 0o700); err != nil {
			return err
		}
	}
}

// current tells whether what is locked is the file that stands there.
func (l *lock) current() bool {
	locked, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.file.Path())
	return err == nil && os.SameFile(locked, there)
}

// held tells who has the lock. A run that has only just taken it may not have written down yet who it is.
func (l *lock) held(ctx context.Context) string {
	for deadline := time.After(holderWait); ; {
		if who, err := os.ReadFile(l.holder); err == nil && len(who) > 0 {
			return string(who)
		}
		select {
		case <-ctx.Done():
			return "another run"
		case <-deadline:
			return "another run"
		case <-time.After(holderWait / 20):
		}
	}
}

// release lets the next run have the stack.
func (l *lock) release() error {
	err := os.Remove(l.holder)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if l.spent {
		err = errors.Join(err, os.Remove(l.file.Path()))
		_ = os.Remove(filepath.Dir(l.file.Path())) // if nothing else is in it
	}
	return errors.Join(err, l.file.Unlock())
}
