package runner

import (
	"fmt"
	"strings"
)

// ExitError is a command that started and did not succeed. Every field is redacted already.
type ExitError struct {
	Argv []string // program first
	Code int      // exit status; -1 if a signal ended it
	Tail string   // last lines of stderr, at most 4 KiB
	Err  error    // *exec.ExitError, joined with the context's cause if that ended
}

// Unwrap gives the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// Error names the program, its status and the end of what it said.
func (e *ExitError) Error() string {
	msg := fmt.Sprintf("run %q: exit status %d", strings.Join(e.Argv, " "), e.Code)
	if e.Code < 0 {
		msg = fmt.Sprintf("run %q: %v", strings.Join(e.Argv, " "), e.Err)
	}
	if e.Tail != "" {
		msg += ": " + e.Tail
	}
	return msg
}
