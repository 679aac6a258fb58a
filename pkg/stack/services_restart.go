package stack

import (
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// RestartServices stops running services and starts them again as they are, each after those that it depends on, and
// waits until they are healthy.
func (s *Stack) RestartServices(ctx context.Context, only string) error {
	restart := func(ctx context.Context, e Engine, r event.Reporter, name string, _ func()) (ServiceData, error) {
		return s.restartService(ctx, e, r, name, only != "")
	}
	return s.eachService(ctx, serviceWork{phase: "services:restart", only: only, do: restart})
}

// restartService passes over a service that does not run, unless it is the one that was named.
func (s *Stack) restartService(
	ctx context.Context, e Engine, r event.Reporter, name string, named bool,
) (ServiceData, error) {
	d, c, err := s.runningService(ctx, e, name, named)
	if err != nil || c.ID == "" {
		return ServiceData{}, err
	}
	if err := s.stopContainer(ctx, e, c); err != nil {
		return ServiceData{}, err
	}
	return s.startAsIs(ctx, e, r, d, c)
}

// startAsIs starts a container of a service that was stopped, whatever it would be made from now.
func (s *Stack) startAsIs(
	ctx context.Context, e Engine, r event.Reporter, d image.Definition, c engine.Container,
) (ServiceData, error) {
	if err := e.ContainerStart(ctx, c.ID); err != nil {
		return ServiceData{}, fmt.Errorf("start it again: %w", err)
	}
	c, err := e.ContainerInspect(ctx, string(c.ID))
	if err != nil {
		return ServiceData{}, err
	}
	return ServiceData{Service: d.Name, State: "restarted", Ports: portsOf(c.Ports)}, s.awaitService(ctx, e, r, d, c,
		false)
}
