// Package runner runs external programs. It is the only package that starts a process: everything else takes
// a [Runner], so that it can be tested with a fake one.
package runner

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Command is a program to run. Secrets go by Stdin, Env or a file, never by Args: every user of the machine
// can read those.
type Command struct {
	Program string    // name looked up in PATH, or a path
	Args    []string  // without the program
	Dir     string    // working directory; "" is the caller's
	Env     []string  // KEY=value, added to the environment of this process; the last one wins
	Stdin   io.Reader // nil is empty; do not use it again, it may still be read after Run has returned
	Stdout  io.Writer // receives the output in whole lines as they appear, beside Result.Stdout; may be nil
	Stderr  io.Writer // likewise; it may be the same writer
	// Grace is how long the program and its children have between SIGTERM and SIGKILL once the context has
	// ended; 0 is [DefaultGrace].
	Grace time.Duration
}

// DefaultGrace is the time a cancelled program has to clean up before it is killed.
const DefaultGrace = 5 * time.Second

// Result is what a program did. The captured output is its last [MaxCapture] bytes, unredacted: it is for
// programs to read.
type Result struct {
	Stdout   string
	Stderr   string
	Code     int // exit status; -1 if it did not start or a signal ended it
	Duration time.Duration
}

// MaxCapture is how many bytes of each of stdout and stderr a [Result] keeps, the last ones.
const MaxCapture = 4 << 20

// Runner runs commands. Run returns an [*ExitError] when the program started and did not succeed, and an
// error that matches [ErrNotFound] when there is no such program.
type Runner interface {
	Run(ctx context.Context, c Command) (Result, error)
}

// Func is a function as a [Runner].
type Func func(ctx context.Context, c Command) (Result, error)

// Run calls f.
func (f Func) Run(ctx context.Context, c Command) (Result, error) { return f(ctx, c) }

// WithTimeout gives every command of next at most d, which must be positive.
func WithTimeout(next Runner, d time.Duration) Runner {
	return Func(func(ctx context.Context, c Command) (Result, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, d, fmt.Errorf("no end within %s: %w", d, context.DeadlineExceeded))
		defer cancel()
		return next.Run(ctx, c)
	})
}
