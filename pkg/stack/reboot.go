package stack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// boot is what has containers run again after a reboot.
func (s *Stack) boot() engine.Boot {
	return engine.Boot{Dir: filepath.Dir(s.Config.StateDir), System: s.System, Runner: s.Runner, Getenv: s.Getenv}
}

// keepUp has a service run again after a reboot, once it has answered. One that has exited, which failed says, stays
// down: it would exit again and again. After a crash docker starts it from now on, and podman has since it was made.
func (s *Stack) keepUp(ctx context.Context, r event.Reporter, e Engine, name string, kept bool, failed error) error {
	var exited *service.ExitedError
	if kept || failed != nil && !errors.As(failed, &exited) {
		return failed
	}
	var err error
	switch podman := e.Info().Kind == engine.Podman; {
	case podman && failed != nil:
		err = errors.Join(engine.UnmarkAtBoot(s.Config.StateDir, name), s.setPolicy(ctx, e, name, false))
	case podman:
		err = engine.MarkAtBoot(s.Config.StateDir, name)
	default:
		err = s.setPolicy(ctx, e, name, failed == nil)
	}
	if err != nil && failed == nil {
		r.Warn(fmt.Sprintf("after a reboot %s will not come back by itself: %v", name, err))
	}
	return failed
}

// setPolicy has docker start a container again by itself, or stop it for good.
func (s *Stack) setPolicy(ctx context.Context, e Engine, name string, up bool) error {
	c, err := e.ContainerInspect(ctx, name)
	switch {
	case err == nil && !up:
		err = e.ContainerStop(ctx, c.ID, s.Config.Timeout.Stop)
	case err == nil && !c.KeptUp:
		err = e.ContainerKeepUp(ctx, c.ID)
	}
	return err
}

// stopContainer stops one until somebody starts it again, also beyond a reboot.
func (s *Stack) stopContainer(ctx context.Context, e Engine, c engine.Container) error {
	if err := s.stayDown(e, c); err != nil {
		return err
	}
	return container.Stop(ctx, e, c, s.Config.Timeout.Stop)
}

// stayDown has a container stay as it is after a reboot. Docker sees to that when it stops one.
func (s *Stack) stayDown(e Engine, c engine.Container) error {
	if e.Info().Kind != engine.Podman {
		return nil
	}
	return engine.UnmarkAtBoot(s.Config.StateDir, c.Name)
}

// comesBack tells whether the engine is to run the container again after a reboot.
func (s *Stack) comesBack(e Engine, c engine.Container) bool {
	return c.KeptUp || e.Info().Kind == engine.Podman && engine.MarkedAtBoot(s.Config.StateDir, c.Name)
}

// toRun are those containers of the stack that run and that are not declared to stay down once they have ended.
func (s *Stack) toRun(found []engine.Container) []engine.Container {
	return slices.DeleteFunc(slices.Clone(found), func(c engine.Container) bool {
		d, err := s.definition(c.Labels[container.LabelRole])
		return c.State != engine.Running || err == nil && d.Service.Restart == image.NeverRestart
	})
}

// afterReboot tells whether containers of the stack that run will run again after a reboot.
func (s *Stack) afterReboot(ctx context.Context, e Engine, running []engine.Container) engine.AtBoot {
	var stay, starters []string
	for _, c := range running {
		if !s.comesBack(e, c) {
			stay, starters = append(stay, c.Name), append(starters, s.starter(c.Name))
		}
	}
	at := s.boot().Look(ctx, e.Info())
	if at.Returns && len(stay) > 0 {
		return engine.AtBoot{
			Why: strings.Join(stay, ", ") + ": made before it could, or not healthy yet", Remedy: starters[len(starters)-1],
		}
	}
	return at
}

// checkReboot tells whether what runs will run again after a reboot.
func (s *Stack) checkReboot(ctx context.Context) []doctor.Finding {
	e, found, unseen := s.seenContainers(ctx)
	if unseen != nil {
		return unseen
	}
	running := slices.DeleteFunc(s.toRun(found), func(c engine.Container) bool {
		return s.check(e, "container", c.Name, c.Labels) != nil // which the containers' check judges
	})
	if len(running) == 0 {
		return []doctor.Finding{finding(doctor.OK, "", "nothing runs that could come back")}
	}
	switch at := s.afterReboot(ctx, e, running); {
	case at.Returns && at.Why != "":
		return []doctor.Finding{finding(doctor.OK, "", "what runs comes back, %s", at.Why)}
	case at.Returns:
		return []doctor.Finding{finding(doctor.OK, "", "what runs comes back")}
	default:
		return []doctor.Finding{finding(doctor.Warning, at.Remedy, "what runs stays down: %s", at.Why)}
	}
}

// text is it in words; empty for nil.
func (r *RebootStatus) text() [2]string {
	switch {
	case r == nil:
		return [2]string{}
	case r.ComeBack:
		return [2]string{"comes back", r.Why}
	default:
		return [2]string{"stays down", r.Why + "; remedy: " + r.Remedy}
	}
}
