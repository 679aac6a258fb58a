package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// defaultStop is how long a container may take to end when image.yaml does not say: the engines' own default.
const defaultStop = 10 * time.Second

// service checks a container as it is declared: it becomes ready, does what it should, keeps its data over a
// restart, and ends when it is told to. An image all of whose checks have containers of their own has none.
func (v *verification) service(ctx context.Context) error {
	if !v.hasService() {
		return nil
	}
	return v.on(ctx, "starting it as declared", map[string]string{}, func(s *scene) {
		rest := s.rest()
		ready := s.ready(ctx)
		for _, q := range rest {
			switch {
			case !ready:
				v.skip(q)
			case ctx.Err() == nil:
				v.ask(ctx, q)
			}
		}
	})
}

// on starts the container on a scene of its own, has it looked at, and takes the scene away.
func (v *verification) on(ctx context.Context, step string, env map[string]string, look func(*scene)) (err error) {
	if ctx.Err() != nil {
		return nil // who has ended it says so
	}
	s := &scene{verification: v}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	v.step(step)
	since := len(v.results)
	defer func() { s.keepLog(ctx, since) }()
	if err := s.serve(ctx, env); err != nil {
		return err
	}
	look(s)
	return nil
}

// hasService tells whether there is a check of the container itself.
func (v *verification) hasService() bool {
	return slices.ContainsFunc(v.Image.Runtime.Checks, func(c image.Check) bool { return c.Once == nil })
}

// rest are the checks of a container that is ready, in order; the last one ends it.
func (s *scene) rest() []question {
	var list, restarts []question
	if user := s.Image.User; user != "" {
		list = append(list, s.mainProcess(user))
	}
	if limits := s.Image.Service.Confinement(); limits.Confined {
		list = append(list, s.confined(limits))
	}
	for _, c := range s.Image.Runtime.Checks {
		switch {
		case c.Variable != nil:
			q := s.prints(c.Variable.Run, c.Variable.User, c.Variable.Default)
			q.check, q.line = c.Variable.Name+" not set", c.Line
			list = append(list, q)
		case c.Restart != nil:
			restarts = append(restarts, s.restart(c))
		case !c.Health() && c.Once == nil:
			list = append(list, s.sideEffect(c))
		}
	}
	return append(append(list, restarts...), s.stopped())
}

// signal is what ends the container in its own way.
func (s *scene) signal() string {
	return cmp.Or(s.Image.Stop.Signal, "SIGTERM")
}

// end sends the container its stop signal, and nothing else, and waits for the end.
func (s *scene) end(ctx context.Context) (code int, err error) {
	limit := s.limit()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it still runs %s after %s", limit, s.signal()))
	defer cancel()
	if err := s.Engine.ContainerKill(ctx, s.box.ID(), s.signal()); err != nil {
		return 0, err
	}
	code, err = s.Engine.ContainerWait(ctx, s.box.ID())
	if err != nil && ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return code, err
}

// limit is how long the container may take to end.
func (s *scene) limit() time.Duration {
	return cmp.Or(s.Image.Stop.Timeout, defaultStop)
}

// stopped checks how the container ends, and what then stands in its log.
func (s *scene) stopped() question {
	q := question{
		check: "stop", expected: fmt.Sprintf("%s: status %d within %s", s.signal(), s.Image.Stop.ExitCode, s.limit()),
	}
	if s.Image.Stop.Log != "" {
		q.expected += ", log has " + pattern(s.Image.Stop.Log)
	}
	q.ask = func(ctx context.Context) (answer, error) {
		start := time.Now()
		s.step("stopping it with " + s.signal())
		code, err := s.end(ctx)
		if err != nil {
			return answer{}, err
		}
		found := answer{
			seen: fmt.Sprintf("status %d after %s", code, short(time.Since(start))), ok: code == s.Image.Stop.ExitCode,
		}
		if s.Image.Stop.Log == "" {
			return found, nil
		}
		text, err := s.printed(ctx)
		if err != nil {
			return answer{}, err
		}
		if match := regexp.MustCompile(s.Image.Stop.Log).FindString(text); match != "" {
			found.seen += ", " + strconv.Quote(match)
		} else {
			found.seen, found.ok = found.seen+", the log does not have it", false
		}
		return found, nil
	}
	return q
}

// restart checks that what was written before a restart can be read after it.
func (s *scene) restart(c image.Check) question {
	q := question{check: "restart", expected: "data stays: " + strconv.Quote(c.Restart.Output), line: c.Line}
	q.ask = func(ctx context.Context) (answer, error) {
		s.step("restarting it")
		wrote, err := s.exec(ctx, c.Restart.User, c.Restart.Write)
		if err != nil {
			return answer{}, err
		}
		if wrote.Code != 0 {
			return answer{seen: "writing ended with " + service.Ending(wrote)}, nil
		}
		if _, err := s.end(ctx); err != nil {
			return answer{}, err
		}
		if err := s.Engine.ContainerStart(ctx, s.box.ID()); err != nil {
			return answer{}, err
		}
		if err := s.readyAgain(ctx); err != nil {
			return answer{}, err
		}
		return s.printsNow(ctx, c.Restart.User, c.Restart.Read, c.Restart.Output)
	}
	return q
}

// look runs a command that looks into the container: as root, who sees everything, or as the service's own user in one
// whose root has no capability to.
func (s *scene) look(ctx context.Context, command []string) (engine.ExecResult, error) {
	user := "0"
	if s.Image.Service != nil {
		user = s.Image.User
	}
	return s.exec(ctx, user, command)
}

// exec runs a command in the container.
func (s *scene) exec(ctx context.Context, user string, command []string) (engine.ExecResult, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandTime, fmt.Errorf("it still runs after %s", commandTime))
	defer cancel()
	res, err := s.Engine.ContainerExec(ctx, s.box.ID(), engine.ExecSpec{Command: command, User: user})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return res, err
}

// commandTime bounds a command that a check runs in the container: it is one question, with one answer.
const commandTime = time.Minute

// short is a duration for people.
func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
