// Package quality is the work behind the targets that look after the code: lint, format, test, coverage,
// docs and the git hook. Each runs other programs in the checkout and passes their output through;
// what it adds is one line that says what runs, and one that says how it ended.
package quality

import (
	"context"
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

// Do runs work on the project around the working directory, with the programs, output and environment of this process,
// until it is done or this process is told to end, which gives an [*InterruptedError].
func Do(ctx context.Context, work func(Project, context.Context) error) error {
	root, err := source.FindRoot(".")
	if err != nil {
		return err
	}
	p := Project{Root: root, Runner: runner.Exec{}, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	return interruptible(ctx, func(ctx context.Context) error { return work(p, ctx) })
}

// OrZero reads one of mage's optional flags: without it, the value is the empty one.
func OrZero[T any](flag *T) (value T) {
	if flag != nil {
		value = *flag
	}
	return value
}

// step is one named check or change.
type step struct {
	name string
	do   func(context.Context) error
}

// each runs every step, also after one that failed, and returns an error that names those. What each had to say is
// on the output already.
func (p Project) each(ctx context.Context, task string, steps ...step) error {
	var failed []string
	for _, s := range steps {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := p.step(ctx, s); err != nil {
			failed = append(failed, s.name)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s failed", task, list(failed))
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
