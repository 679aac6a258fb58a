// Package interrupt ends work in order when this process is told to end. What a program of ours has started is
// in process groups of its own and hears nothing by itself.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Error is the cause of a context that [Watch] ended.
type Error struct{ Signal syscall.Signal }

func (e *Error) Error() string { return "interrupted by " + unix.SignalName(e.Signal) }

// ExitStatus is 128 and the signal's number, as shells have it.
func (e *Error) ExitStatus() int { return 128 + int(e.Signal) }

// look is how often the parent is looked at.
const look = time.Second

// grace is for how long after the first signal others say nothing new: timeout(1) sends each signal twice, and a key
// that is held down repeats.
const grace = time.Second

// Watch cancels with an [*Error] when this process gets SIGINT, SIGTERM or SIGHUP for the first time. One that comes
// after the grace ends the process at once, with the same status. stop ends the watch; it may be called more than
// once, and should be when nothing is left to clean up.
//
// It takes SIGINT from everybody else: mage exits with 1 on a second one, and 5 seconds after the first, whether or
// not the targets have cleaned up (template.go of mage 1.17.2). Mage asks for the signal at about the time at which its
// target begins; should it be the later one, it hears the first SIGINT, and no other.
//
// A reader that goes away (mage setup | head -1) does not end the process any more, but gives the writer EPIPE:
// nobody would clean up.
//
// With orphans set it cancels as for SIGTERM when the parent ends, too: mage ends without a word when it is
// told to end, and the targets that it had compiled hear nothing but that they have another parent
// (seen with mage 1.17.2).
func Watch(cancel context.CancelCauseFunc, orphans bool) (stop func()) {
	w := &watch{cancel: cancel, orphans: orphans, parent: os.Getppid(), signals: make(chan os.Signal, 8)}
	//nolint:forbidigo // a second signal ends a process whose outermost layer still waits for the clean-up
	w.exit = os.Exit
	w.listen()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // programs that are started still get it
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(ctx)
	}()
	return func() {
		end()
		<-ended
		if w.first.IsZero() { // else the process is about to end, with the status of the first signal
			signal.Stop(w.signals)
		}
	}
}

// watch is what one [Watch] knows.
type watch struct {
	cancel  context.CancelCauseFunc
	orphans bool
	parent  int
	signals chan os.Signal
	exit    func(int)
	first   time.Time // when the first signal came
}

// listen has the signals come here, and SIGINT nowhere else.
func (w *watch) listen() {
	signal.Ignore(syscall.SIGINT)
	signal.Notify(w.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}

// run waits for signals until ctx ends.
func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-w.signals:
			w.hear(s)
		case <-ticker.C:
			if w.orphans && os.Getppid() != w.parent {
				w.orphans = false
				w.cancel(&Error{Signal: syscall.SIGTERM})
			}
		}
	}
}

// hear takes one signal.
func (w *watch) hear(s os.Signal) {
	number, _ := s.(syscall.Signal)
	told := &Error{Signal: number}
	switch {
	case w.first.IsZero():
		w.first = time.Now()
		w.listen()
		w.cancel(told)
	case time.Since(w.first) >= grace:
		w.exit(told.ExitStatus())
	}
}
