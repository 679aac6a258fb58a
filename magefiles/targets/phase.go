// Package targets holds the mage targets: each says what it needs and which piece of work it is, and nothing
// else. The needs are mage's own dependencies; they encode the order of the phases.
package targets

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/interrupt"
	"github.com/poststack/poststack/pkg/stack"
)

// work is a piece of work of the stack.
type work func(*stack.Stack, context.Context) error

// phase runs needs through mage, each once and side by side, then do. The target named on the command line
// opens the stack, hands it down in ctx and closes it. The first failure cancels what runs beside it, and is
// returned by every target above it, so that mage exits with its status.
func phase(ctx context.Context, do work, needs ...any) (err error) {
	s, ctx, done, err := open(ctx, caller)
	if err != nil {
		return err
	}
	defer func() {
		if failed := recover(); failed != nil {
			done(fmt.Errorf("panic: %v", failed)) //nolint:errcheck // the panic goes on, and tells more
			panic(failed)
		}
		err = done(err)
	}()
	if needs, err = checked(ctx, s, needs); err != nil {
		return err
	}
	if err := deps(ctx, needs...); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return s.Fail(do(s, ctx))
}

// deps is mg.CtxDeps that returns the failure instead of panicking: mage remembers a target that panics as
// done, and whoever shares it would go on. What it returns is the failure itself, from the context, since
// mage's panic holds only its text, once for each path that leads to it.
func deps(ctx context.Context, needs ...any) (err error) {
	if len(needs) == 0 {
		return nil
	}
	defer func() {
		failed := recover()
		if failed == nil {
			return
		}
		if err = context.Cause(ctx); err != nil {
			return
		}
		var ok bool
		if err, ok = failed.(error); !ok {
			err = fmt.Errorf("run dependencies: %v", failed)
		}
	}()
	mg.CtxDeps(ctx, needs...)
	return nil
}

// before is a need that is met before the others begin: it looks whether they would work in vain.
type before work

// checked meets the needs that come before the others, and returns those.
func checked(ctx context.Context, s *stack.Stack, needs []any) (others []any, err error) {
	for _, need := range needs {
		check, ok := need.(before)
		if !ok {
			others = append(others, need)
			continue
		}
		if err := s.Fail(check(s, ctx)); err != nil {
			return nil, err
		}
	}
	return others, nil
}

// own is a need of Poststack's own database only: with DATABASE_URL set there is nothing to build or start.
func own(need any) mg.Fn { return ownNeed{mg.F(need)} }

type ownNeed struct{ mg.Fn }

// Name differs from the need's own, so that mage does not take one for the other.
func (n ownNeed) Name() string { return n.Fn.Name() + " for the own database" }

// Run passes on to the need, through mage, which runs it once.
func (n ownNeed) Run(ctx context.Context) error {
	if s, ok := ctx.Value(sessionKey{}).(*stack.Stack); ok && s.External() {
		return nil
	}
	return deps(ctx, n.Fn)
}

// status is an error together with the exit status of the process. It has to be the outermost error: mage
// looks no deeper.
type status struct {
	error
	code int
}

// ExitStatus is what mage exits with.
func (s status) ExitStatus() int { return s.code }

// Unwrap gives the error itself.
func (s status) Unwrap() error { return s.error }

// exit gives err its exit status.
func exit(err error) error {
	if err == nil {
		return nil
	}
	var has status
	if errors.As(err, &has) {
		return has
	}
	var told *interrupt.Error
	if errors.Is(err, context.Canceled) && !errors.As(err, &told) { // mage cancels its context on Ctrl-C
		err = &interrupt.Error{Signal: syscall.SIGINT}
	}
	return status{error: err, code: stack.ExitStatus(err)}
}
