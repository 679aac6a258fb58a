// Package targets holds the mage targets: each says what it needs and which piece of work it is, and nothing
// else. The needs are mage's own dependencies; they encode the order of the phases.
package targets

import (
	"context"
	"errors"
	"fmt"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/interrupt"
	"github.com/poststack/poststack/pkg/stack"
)

// work is a piece of work of the stack.
type work func(*stack.Stack, context.Context) error

// phase runs needs through mage, each once and side by side, then do. The target named on the command line
// opens the stack, hands it down in ctx and closes it. The first failure cancels what runs beside it, and is
// returned by every target above it, so that mage exits with its status. A panic is such a failure.
func phase(ctx context.Context, do work, needs ...any) (err error) {
	s, ctx, done, err := open(ctx, caller)
	if err != nil {
		return err
	}
	defer func() { err = done(s.Fail(err)) }()
	defer s.Stack.Recover(&err)
	if needs, err = checked(ctx, s.Stack, needs); err != nil {
		return err
	}
	if err := deps(ctx, s.needs(needs)...); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return do(s.Stack, ctx)
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
		if err := check(s, ctx); err != nil {
			return nil, err
		}
	}
	return others, nil
}

// need is what the target named on the command line, or a need of its, needs. Mage remembers what has run for as
// long as its process lives, by name and ID. The session in the ID has each target that is named do its needs
// anew, which is cheap where there is nothing to do: what an earlier one did may be undone (mage setup down setup),
// or have been done with other flags (mage build:base build:all -force).
type need struct {
	mg.Fn
	session *session
}

// ID tells this need from the same one of another session.
func (n need) ID() string { return n.Fn.ID() + " of " + n.session.id }

// Run makes an error of a panic, which mage would remember as success.
func (n need) Run(ctx context.Context) (err error) {
	defer n.session.Stack.Recover(&err)
	return n.Fn.Run(ctx)
}

// needs are those functions as needs of this session, without those that the settings leave out.
func (s *session) needs(functions []any) []any {
	var list []any
	for _, f := range functions {
		if some, ok := f.(needIf); ok {
			if !some.holds(s.Stack) {
				continue
			}
			f = some.need
		}
		list = append(list, need{mg.F(f), s})
	}
	return list
}

// own is a need of Poststack's own database only: with DATABASE_URL set there is nothing to build or start.
func own(need any) any {
	return needIf{need, func(s *stack.Stack) bool { return !s.External() }}
}

// external is a need with DATABASE_URL set only: what runs has what it was made of already.
func external(need any) any { return needIf{need, (*stack.Stack).External} }

// chosen is a need where the settings choose services.
func chosen(need any) any { return needIf{need, (*stack.Stack).StartsServices} }

// needIf is a need under a condition.
type needIf struct {
	need  any
	holds func(*stack.Stack) bool
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
	if has, ok := errors.AsType[status](err); ok {
		return has
	}
	return status{error: err, code: stack.ExitStatus(err)}
}

// ended is err, or the signal that has ended ctx where err only says that it has ended.
func ended(ctx context.Context, err error) error {
	var told *interrupt.Error
	if errors.Is(err, context.Canceled) && !errors.As(err, &told) && errors.As(context.Cause(ctx), &told) {
		return told
	}
	return err
}
