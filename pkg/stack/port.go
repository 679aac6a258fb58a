package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// PortError is a port of this machine that the own database needs and another holds.
type PortError struct {
	Port   uint16
	Holder string // who has it, as far as it can be told
	Err    error  // what the engine said, if it was asked
}

// Unwrap gives the engine's error.
func (e *PortError) Unwrap() error { return e.Err }

func (e *PortError) Error() string {
	return fmt.Sprintf("publish port %d of 127.0.0.1: %s has it; end that, or choose another port with POSTSTACK_DATABASE_PORT (setting database.port)", e.Port, e.Holder)
}

// checkPort refuses a port that another holds, before anything is made or stopped. Our own running container
// holds it rightly; one that is paused or the like is ended first.
func (s *Stack) checkPort(ctx context.Context, e Engine, service container.Service) error {
	port := service.Spec.Ports[0]
	c, err := e.ContainerInspect(ctx, service.Spec.Name)
	if err == nil && c.State == engine.Running && slices.ContainsFunc(c.Ports, func(p engine.Port) bool { return p.Host == port.Host }) {
		return nil
	}
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	if err == nil && s.endsFirst(e, c) || portFree(port.Host) {
		return nil
	}
	return &PortError{Port: port.Host, Holder: holder(ctx, e, port.Host)}
}

// endsFirst tells whether the container is ours and in a state, such as paused, in which it may hold its port until the
// next start ends it.
func (s *Stack) endsFirst(e Engine, c engine.Container) bool {
	switch c.State {
	case engine.Running, engine.Exited, engine.Created:
		return false
	default:
		return s.check(e, "container", c.Name, c.Labels) == nil
	}
}

// portProblem names the port when the engine says that it is in use after all.
func portProblem(ctx context.Context, e Engine, err error, port uint16) error {
	if !errors.Is(err, engine.ErrPortInUse) {
		return err
	}
	return &PortError{Port: port, Holder: holder(ctx, e, port), Err: err}
}

// holder names the container or the process that has the port, as far as that can be told. A published port
// is held by a process of the engine's, which would tell nobody anything.
func holder(ctx context.Context, e Engine, port uint16) string {
	if name, err := e.ContainerOnPort(ctx, port); err == nil {
		return fmt.Sprintf("container %q", name)
	}
	if who := listener(port); who != "" {
		return who
	}
	if l, err := listenOn(port); err == nil {
		_ = l.Close()
		if portFree(port) {
			return "another program"
		}
		return "a firewall rule that leads its connections elsewhere (iptables -t nat -S; a container that was killed may have left it)"
	}
	return "another program"
}

// echoTime is how long a connection to ourselves may take.
const echoTime = 250 * time.Millisecond

// portFree tells whether nothing has the port of 127.0.0.1 or of all addresses. Being able to listen does not
// say it all: an engine publishes ports by firewall rules too, and those of a container that died without the
// engine noticing take every connection to an address where nobody is. So a connection must reach us.
func portFree(port uint16) bool {
	l, err := listenOn(port)
	if err != nil {
		return false
	}
	defer l.Close()
	out, err := net.DialTimeout("tcp", l.Addr().String(), echoTime) //nolint:noctx // bounded by its time
	if err != nil {
		return false
	}
	defer out.Close()
	if err := l.SetDeadline(time.Now().Add(echoTime)); err != nil {
		return false
	}
	in, err := l.Accept()
	if err != nil {
		return false
	}
	defer in.Close()
	return in.RemoteAddr().String() == out.LocalAddr().String()
}

func listenOn(port uint16) (*net.TCPListener, error) {
	return net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
}
