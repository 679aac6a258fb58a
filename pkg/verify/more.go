package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// variables checks, in a second container that is started with all values, what they change.
func (v *verification) variables(ctx context.Context) error {
	env := map[string]string{}
	for _, c := range v.Image.Runtime.Checks {
		if c.Variable != nil {
			env[c.Variable.Name] = c.Variable.Value
		}
	}
	if len(env) == 0 {
		return nil
	}
	return v.on(ctx, "starting it with variables set", env, func(s *scene) { s.variables(ctx) })
}

// variables asks what they change.
func (s *scene) variables(ctx context.Context) {
	v := s.verification
	ready := v.ask(ctx, s.readyWith())
	for _, c := range v.Image.Runtime.Checks {
		if c.Variable == nil || ctx.Err() != nil {
			continue
		}
		q := s.prints(c.Variable.Run, c.Variable.User, c.Variable.Output)
		q.check, q.line = c.Variable.Name+"="+c.Variable.Value, c.Line
		if !ready {
			v.skip(q)
			continue
		}
		v.ask(ctx, q)
	}
}

// readyWith waits for the container that has the variables set.
func (s *scene) readyWith() question {
	return question{
		check: "start with variables set", expected: "ready within " + s.limitOfReady().String(),
		ask: func(ctx context.Context) (answer, error) {
			if err := s.readyAgain(ctx); err != nil {
				return answer{}, err
			}
			if err := s.alive(ctx); err != nil {
				return answer{}, err
			}
			return answer{seen: "ready", ok: true}, nil
		},
	}
}

// once checks the containers that do one thing and end.
func (v *verification) once(ctx context.Context) error {
	var problems []error
	for _, c := range v.Image.Runtime.Checks {
		if c.Once == nil || ctx.Err() != nil {
			continue
		}
		problems = append(problems, v.one(ctx, c))
	}
	return errors.Join(problems...)
}

func (v *verification) one(ctx context.Context, c image.Check) (err error) {
	s := &scene{verification: v}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	v.step("running it once: " + service.CommandText(c.Once.Command))
	since := len(v.results)
	defer func() { s.keepLog(ctx, since) }()
	q := question{
		check: "once " + service.CommandText(c.Once.Command), expected: ends(c.Once.ExitCode, c.Once.Output), line: c.Line,
	}
	q.ask = func(ctx context.Context) (answer, error) {
		if err := s.start(ctx, container.DisposableSpec{Command: c.Once.Command, Env: c.Once.Environment}); err != nil {
			return answer{}, err
		}
		limit := s.limitOfReady()
		ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it still runs after %s", limit))
		defer cancel()
		code, err := v.Engine.ContainerWait(ctx, s.box.ID())
		if err != nil && ctx.Err() != nil {
			return answer{}, context.Cause(ctx)
		}
		if err != nil {
			return answer{}, err
		}
		text, err := s.printed(ctx)
		if err != nil {
			return answer{}, err
		}
		return ended(code, text, c.Once.ExitCode, c.Once.Output), nil
	}
	v.ask(ctx, q)
	return nil
}
