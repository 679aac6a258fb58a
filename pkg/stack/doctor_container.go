package stack

import (
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
)

// checkContainers looks for containers of the stack that neither run nor were stopped in order, and for those of another
// owner's stack of the same name.
func (s *Stack) checkContainers(ctx context.Context) []doctor.Finding {
	e, err := s.seenEngine(ctx)
	if err != nil {
		return noEngine()
	}
	found, err := e.ContainerList(ctx, map[string]string{container.LabelStack: s.Config.Stack})
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage status", err)}
	}
	var out []doctor.Finding
	for _, c := range found {
		out = append(out, s.checkContainer(e, c))
	}
	if len(out) == 0 {
		out = append(out, finding(doctor.OK, "", "none; mage setup makes them"))
	}
	return out
}

// checkContainer looks at one. While another run works on the stack, nothing is wrong with what it is making.
func (s *Stack) checkContainer(e Engine, c engine.Container) doctor.Finding {
	if err := s.check(e, "container", c.Name, c.Labels); err != nil {
		return finding(doctor.Problem, "set POSTSTACK_STACK or POSTSTACK_STATE_DIR", "%v", err)
	}
	fault := container.Fault(c)
	if fault == "" {
		return finding(doctor.OK, "", "%s is %s", c.Name, c.State)
	}
	if free, unlock, err := tryLock(s.lockFile()); err == nil {
		unlock()
		if !free {
			return finding(doctor.OK, "", "another run works on %s, which %s", c.Name, fault)
		}
	}
	f := finding(doctor.Problem, "mage db:start, which makes it anew", "%s %s", c.Name, fault)
	f.Fix = func(ctx context.Context) (string, error) { return s.removeFaulty(ctx, e, c.Name) }
	return f
}

// removeFaulty ends and removes a container that has a fault, unless somebody has mended it meanwhile.
func (s *Stack) removeFaulty(ctx context.Context, e Engine, name string) (string, error) {
	if err := s.acquire(ctx, s.Sink.For("doctor")); err != nil {
		return "", err
	}
	c, err := e.ContainerInspect(ctx, name)
	if err != nil {
		return "", err
	}
	if container.Fault(c) == "" {
		return "it is well by now", nil
	}
	if err := container.Remove(ctx, e, c, s.Config.Timeout.Stop); err != nil {
		return "", err
	}
	return fmt.Sprintf("removed it; mage db:start makes it anew, on volume %s", s.volumeName()), nil
}
