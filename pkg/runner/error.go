package runner

import (
	"fmt"
	"os/exec"
	"strings"
)

// ErrNotFound matches the error of a command whose program does not exist.
var ErrNotFound = exec.ErrNotFound

// ExitError is a command that started and did not succeed. Argv and Tail are redacted already.
type ExitError struct {
	Argv []string // program first
	Code int      // exit status; -1 if a signal ended it
	Tail string   // last lines of stderr, at most 4 KiB
	Err  error    // *exec.ExitError, or what else went wrong; with the context's cause if that ended the program
}

// Unwrap gives the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// Error names the program, how it ended and the end of what it said.
func (e *ExitError) Error() string {
	ended := fmt.Sprintf("exit status %d", e.Code)
	if e.Err != nil {
		ended = e.Err.Error()
	}
	msg := fmt.Sprintf("run %q: %s", strings.Join(e.Argv, " "), ended)
	if e.Tail != "" {
		msg += ": " + e.Tail
	}
	return msg
}

// interruption is a program that was told to end because its context had ended.
type interruption struct {
	cause error // the context's cause
	ctx   error // the context's own error, which the cause need not match
	ended error // how the program ended then; nil if it exited with 0
}

func (e *interruption) Error() string {
	if e.ended == nil {
		return fmt.Sprintf("%v (exit status 0)", e.cause)
	}
	return fmt.Sprintf("%v (%v)", e.cause, e.ended)
}

// Unwrap gives all three, so that errors.Is finds the cause and context.Canceled alike.
func (e *interruption) Unwrap() []error {
	all := []error{e.cause, e.ctx}
	if e.ended != nil {
		all = append(all, e.ended)
	}
	return all
}
