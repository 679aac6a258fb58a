package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// Engine is what running services needs of a container engine; *engine.Engine has it.
type Engine interface {
	container.Engine
	Info() engine.Info
	ContainerExec(ctx context.Context, id engine.ContainerID, spec engine.ExecSpec) (engine.ExecResult, error)
	ContainerKill(ctx context.Context, id engine.ContainerID, signal string) error
	ContainerOnPort(ctx context.Context, port uint16) (string, error)
	PortsClear(ctx context.Context, ports []engine.Port) error
	EndsHere(conn net.Conn) bool
}

// portTries is how many ports a new service is offered when others take them in the meantime.
const portTries = 20

// Runner has containers of services running.
type Runner struct {
	Engine Engine
	Report event.Reporter
	Remedy string // how to choose another port, in words
	// Movable are the ports in the container whose port of this machine gives way to another program: it was only looked
	// for, and nobody knows it yet. One that is set, or was there before, stays.
	Movable []uint16
	Moved   func(*container.Service) error // puts the ports that it got instead into what names them; nil if nothing does
}

// Have has the container running as declared; found is what [container.Find] has found. Ports of a new service that
// were only looked for give way when another program takes one before the engine does, such as a stack that is set up
// at the same moment: the next free one does as well; s then has that.
func (r Runner) Have(
	ctx context.Context, s *container.Service, found engine.Container,
) (engine.Container, container.Change, error) {
	for try := 1; ; try++ {
		c, change, err := r.haveOn(ctx, *s, found)
		var taken *PortError
		if try == portTries || !errors.As(err, &taken) || !slices.Contains(r.Movable, taken.Container) {
			return c, change, err
		}
		next, none := move(ctx, r.Engine, s, taken.Host)
		if none == nil && r.Moved != nil {
			none = r.Moved(s)
		}
		if none != nil {
			return c, change, none
		}
		r.Report.Notice(fmt.Sprintf("port %d was taken meanwhile: %s gets port %d", taken.Host, s.Spec.Name, next))
	}
}

// move gives a service the next free port instead of one that is taken.
func move(ctx context.Context, e Engine, s *container.Service, taken uint16) (uint16, error) {
	moved := slices.DeleteFunc(slices.Clone(s.Spec.Ports), func(p engine.Port) bool { return p.Host != taken })
	for i := range moved {
		moved[i].Host++
	}
	next, err := NextPort(ctx, e, nil, moved...)
	s.Spec.Ports = slices.Clone(s.Spec.Ports)
	for i, p := range s.Spec.Ports {
		if p.Host == taken {
			s.Spec.Ports[i].Host = next
		}
	}
	return next, err
}

// haveOn is one try, with the ports that are declared.
func (r Runner) haveOn(
	ctx context.Context, s container.Service, found engine.Container,
) (engine.Container, container.Change, error) {
	if err := r.checkPorts(ctx, s, found); err != nil {
		return engine.Container{}, "", err
	}
	c, change, err := container.Ensure(ctx, r.Engine, s, found)
	if errors.Is(err, engine.ErrPortInUse) { // after all
		port := s.Spec.Ports[0]
		for _, p := range s.Spec.Ports {
			if !PortFree(p) {
				port = p
			}
		}
		err = r.taken(ctx, port, err)
	}
	if err == nil && change == container.Kept {
		return r.reachable(ctx, s, c)
	}
	return c, change, err
}

// reachable has the published ports of a container that runs lead to it.
func (r Runner) reachable(
	ctx context.Context, s container.Service, c engine.Container,
) (engine.Container, container.Change, error) {
	answered, lost := answered(ctx, r.Engine, c.Ports)
	switch {
	case lost:
		r.Report.Notice(fmt.Sprintf("container %s %s: recreating it on the same volumes", c.Name, rulesLost))
		c, err := container.Replace(ctx, r.Engine, s)
		return c, container.Mended, err
	case !answered:
		return c, container.Kept, r.Engine.PortsClear(ctx, c.Ports)
	default:
		return c, container.Kept, nil
	}
}

// checkPorts refuses ports that another program holds, before anything is made or stopped. Our own running container
// holds them rightly; one that is paused or the like is ended first.
func (r Runner) checkPorts(ctx context.Context, s container.Service, c engine.Container) error {
	for _, port := range s.Spec.Ports {
		if absent(port.HostIP) {
			return &PortError{Port: port}
		}
		if c.State == engine.Running && Publishes(c, port.Host) {
			continue
		}
		if err := loopback(); err != nil {
			return err
		}
		if c.ID != "" && EndsFirst(c, s.Owner) {
			continue
		}
		if free, err := Free(ctx, r.Engine, port); !free {
			return r.taken(ctx, port, err)
		}
	}
	return nil
}

func (r Runner) taken(ctx context.Context, port engine.Port, err error) error {
	return &PortError{Port: port, Holder: Holder(ctx, r.Engine, port), Remedy: r.Remedy, Err: err}
}
