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

// Watch cancels with an [*Error] when this process gets SIGINT, SIGTERM or SIGHUP for the first time; a second
// SIGTERM or SIGHUP ends the process at once. stop ends the watch; it may be called more than once.
//
// With orphans set it cancels as for SIGTERM when the parent ends, too: mage ends without a word when it is
// told to end, and the targets that it had compiled hear nothing but that they have another parent
// (seen with mage 1.17.2).
func Watch(cancel context.CancelCauseFunc, orphans bool) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	ctx, end := context.WithCancel(context.Background())
	go watch(ctx, cancel, signals, orphans, os.Getppid())
	return func() {
		signal.Stop(signals)
		end()
	}
}

// watch waits for the first sign, or for the end of ctx.
func watch(ctx context.Context, cancel context.CancelCauseFunc, signals <-chan os.Signal, orphans bool, parent int) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			number, _ := s.(syscall.Signal)
			signal.Reset(syscall.SIGTERM, syscall.SIGHUP) // before anyone hears of it, and may watch anew
			cancel(&Error{Signal: number})
			return
		case <-ticker.C:
			if orphans && os.Getppid() != parent {
				cancel(&Error{Signal: syscall.SIGTERM})
				return
			}
		}
	}
}
