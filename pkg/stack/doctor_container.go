package stack

import (
	"context"
	"fmt"
	"os"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
)

// checkContainers looks for containers of the stack that neither run nor were stopped in order, and for those of
// another owner's stack of the same name.
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
	out = append(out, s.checkLost(ctx, e)...)
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
	if s.busy() {
		return finding(doctor.OK, "", "another run works on %s, which %s", c.Name, fault)
	}
	f := finding(doctor.Problem, s.starter(c.Name)+", which recreates it", "%s %s", c.Name, fault)
	f.Fix = func(ctx context.Context) (string, error) { return s.removeFaulty(ctx, e, c.Name) }
	return f
}

// busy tells whether another run works on the stack.
func (s *Stack) busy() bool {
	if _, err := os.Stat(s.lockFile()); err != nil { // which asking would make
		return false
	}
	free, unlock, err := tryLock(s.lockFile())
	unlock()
	return err == nil && !free
}

// checkLost looks for a server that runs without the engine's knowledge, which then holds the volume.
func (s *Stack) checkLost(ctx context.Context, e Engine) []doctor.Finding {
	name := s.containerName()
	lost, err := e.ContainerLost(ctx, name)
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage status", err)}
	}
	if len(lost) == 0 || s.busy() || s.refuseForeign(ctx, e) != nil { // it may be another owner's
		return nil
	}
	f := finding(doctor.Problem, "mage db:start, which ends it",
		"%s has lost sight of %s, which still runs", e.Info().Kind, name)
	f.Fix = func(ctx context.Context) (string, error) {
		if err := s.acquire(ctx, s.Sink.For("doctor")); err != nil {
			return "", err
		}
		return "ended it; mage db:start starts the database", e.ContainerEndLost(ctx, name)
	}
	return []doctor.Finding{f}
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
		return "it is fine now", nil
	}
	if err := container.Remove(ctx, e, c, s.Config.Timeout.Stop); err != nil {
		return "", err
	}
	return fmt.Sprintf("removed it; %s recreates it on the same volumes", s.starter(c.Name)), nil
}
