package quality

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/poststack/poststack/pkg/interrupt"
)

// InterruptedError is work that was told to end. It has to be the outermost error: mage looks no deeper.
type InterruptedError struct {
	Signal syscall.Signal
	Err    error // how the work ended
}

// Error names the signal.
func (e *InterruptedError) Error() string {
	return fmt.Sprintf("%v: %v", &interrupt.Error{Signal: e.Signal}, e.Err)
}

// ExitStatus is what mage exits with.
func (e *InterruptedError) ExitStatus() int { return 128 + int(e.Signal) }

// Unwrap gives how the work ended.
func (e *InterruptedError) Unwrap() error { return e.Err }

// interruptible runs work with a context that ends when this process is told to end. The programs that work
// runs are in process groups of their own: without this they would go on.
func interruptible(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer interrupt.Watch(cancel, true)() //nolint:contextcheck // it ends the context, and lives until then

	err := work(ctx)
	cause := context.Cause(ctx)
	var by *interrupt.Error
	switch {
	case err == nil || cause == nil:
		return err
	case errors.As(cause, &by):
		return &InterruptedError{Signal: by.Signal, Err: err}
	case errors.Is(cause, context.Canceled): // mage does this on Ctrl-C
		return &InterruptedError{Signal: syscall.SIGINT, Err: err}
	default:
		return err
	}
}
