package stack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
)

// boot is what has containers run again after a reboot.
func (s *Stack) boot() engine.Boot {
	return engine.Boot{Dir: filepath.Dir(s.Config.StateDir), System: s.System, Runner: s.Runner, Getenv: s.Getenv}
}

// keepUp has a service run again after a reboot, and on docker after a crash too, once it has answered. One that has
// exited, which failed says, stays down: it would exit again and again.
func (s *Stack) keepUp(ctx context.Context, r event.Reporter, e Engine, name string, kept bool, failed error) error {
	var exited *service.ExitedError
	if kept || failed != nil && !errors.As(failed, &exited) {
		return failed
	}
	var err error
	switch podman := e.Info().Kind == engine.Podman; {
	case podman && failed != nil:
		err = engine.UnmarkAtBoot(s.Config.StateDir, name)
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
