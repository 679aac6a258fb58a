// Package quality is the work behind the targets that look after the code: lint, format, test, coverage,
// docs and the git hook. Each runs other programs in the checkout and passes their output through;
// what it adds is one line that says what runs, and one that says how it ended.
package quality

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/source"
)

// Project is a checkout and what is needed to work on it.
type Project struct {
	Root   string // the directory with go.mod, absolute
	Runner runner.Runner
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
}

// Open returns the project around the working directory, with the programs and environment of this process.
func Open(stdout, stderr io.Writer) (Project, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Project{}, fmt.Errorf("get working directory: %w", err)
	}
	root, err := source.FindRoot(dir)
	if err != nil {
		return Project{}, err
	}
	return Project{Root: root, Runner: runner.Exec{}, Stdout: stdout, Stderr: stderr, Getenv: os.Getenv}, nil
}

// Do opens the project around the working directory and runs work on it, until it is done or this process is
// told to end, which gives an [*InterruptedError].
func Do(ctx context.Context, stdout, stderr io.Writer, work func(Project, context.Context) error) error {
	p, err := Open(stdout, stderr)
	if err != nil {
		return err
	}
	return interruptible(ctx, func(ctx context.Context) error { return work(p, ctx) })
}

// step is one named check or change.
type step struct {
	name string
	do   func(context.Context) error
}

// FailedError is that some steps did not succeed. What each had to say is on the output already.
type FailedError struct {
	Task   string   // "lint"
	Failed []string // names of the steps
	Err    error    // the causes, joined
}

// Error names the steps.
func (e *FailedError) Error() string {
	return e.Task + ": " + list(e.Failed) + " failed"
}

// Unwrap gives the causes.
func (e *FailedError) Unwrap() error { return e.Err }

// each runs every step, also after one that failed, and returns a [*FailedError] that names those.
func (p Project) each(ctx context.Context, task string, steps ...step) error {
	failure := &FailedError{Task: task}
	for _, s := range steps {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := p.step(ctx, s); err != nil {
			failure.Failed = append(failure.Failed, s.name)
			failure.Err = errors.Join(failure.Err, err)
		}
	}
	if len(failure.Failed) == 0 {
		return nil
	}
	return failure
}

// step runs s between a line that names it and one that says how long it took.
func (p Project) step(ctx context.Context, s step) error {
	p.say("== %s", s.name)
	start := time.Now()
	err := s.do(ctx)
	took := time.Since(start).Round(100 * time.Millisecond)
	if err != nil {
		p.say("== %s: failed after %s: %v", s.name, took, err)
		return err
	}
	p.say("== %s: done in %s", s.name, took)
	return nil
}

// say writes one line to the project's output.
func (p Project) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.Stdout, format+"\n", args...)
}

// run runs a program in the root and passes its output on. Its error does not repeat that output.
func (p Project) run(ctx context.Context, program string, args ...string) error {
	res, err := p.Runner.Run(ctx, runner.Command{
		Program: program, Args: args, Dir: p.Root, Stdout: p.Stdout, Stderr: p.Stderr,
	})
	return brief(res, err)
}

// output runs a program in the root and returns what it wrote to stdout.
func (p Project) output(ctx context.Context, program string, args ...string) (string, error) {
	res, err := p.Runner.Run(ctx, runner.Command{Program: program, Args: args, Dir: p.Root})
	return res.Stdout, err
}
