package quality

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// InterruptedError is work that was told to end. It has to be the outermost error: mage looks no deeper.
type InterruptedError struct {
	Signal syscall.Signal
	Err    error // how the work ended
}

// Error names the signal.
func (e *InterruptedError) Error() string {
	return fmt.Sprintf("interrupted by %s: %v", e.Signal, e.Err)
}

// ExitStatus is what mage exits with.
func (e *InterruptedError) ExitStatus() int { return 128 + int(e.Signal) }

// Unwrap gives how the work ended.
func (e *InterruptedError) Unwrap() error { return e.Err }

// told is the cause of a context that a signal ended.
type told struct{ signal syscall.Signal }

func (t told) Error() string { return t.signal.String() }

// interruptible runs work with a context that ends when this process is told to end. The programs that work
// runs are in process groups of their own: without this they would go on.
func interruptible(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go listen(ctx, cancel, signals, os.Getppid())

	err := work(ctx)
	cause := context.Cause(ctx)
	var by told
	switch {
	case err == nil || cause == nil:
		return err
	case errors.As(cause, &by):
		return &InterruptedError{Signal: by.signal, Err: err}
	case errors.Is(cause, context.Canceled): // mage does this on Ctrl-C
		return &InterruptedError{Signal: syscall.SIGINT, Err: err}
	default:
		return err
	}
}

// listen ends a context at the first signal. A program that mage compiled for one run hears none when mage is
// told to end, since mage ends without a word: its sign is that it has another parent.
func listen(ctx context.Context, cancel context.CancelCauseFunc, signals <-chan os.Signal, parent int) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			number, _ := s.(syscall.Signal)
			cancel(told{number})
			return
		case <-look.C:
			if Built() == "" && os.Getppid() != parent {
				cancel(told{syscall.SIGTERM})
				return
			}
		}
	}
}
