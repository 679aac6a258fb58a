package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// PortError is a port of this machine that a service needs and another program holds.
type PortError struct {
	Port   uint16
	Holder string // who has it, as far as it can be told
	Remedy string // how to choose another
	Err    error  // what the engine said, if it was asked
}

// Unwrap gives the engine's error.
func (e *PortError) Unwrap() error { return e.Err }

func (e *PortError) Error() string {
	return fmt.Sprintf("publish port %d of 127.0.0.1: %s has it; stop that, or %s", e.Port, e.Holder, e.Remedy)
}

// Publishes tells whether the container has that port of this machine.
func Publishes(c engine.Container, port uint16) bool {
	return slices.ContainsFunc(c.Ports, func(p engine.Port) bool { return p.Host == port })
}

// EndsFirst tells whether the container is the owner's and in a state, such as paused, in which it may hold its ports
// until the next start ends it.
func EndsFirst(c engine.Container, o container.Owner) bool {
	switch c.State {
	case engine.Running, engine.Exited, engine.Created:
		return false
	default:
		return o.Check("container", c.Name, c.Labels) == nil
	}
}

// NextPort is the first from port that is free on 127.0.0.1.
func NextPort(port uint16) (uint16, error) {
	from := port
	if err := loopback(); err != nil {
		return 0, err
	}
	for ; port != 0; port++ {
		if PortFree(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("choose port: none is free from %d up", from)
}

// loopback tells why 127.0.0.1 cannot be used at all, as in a new network namespace, whose interfaces are all down: one
// may listen there, and nobody gets through.
func loopback() error {
	l, err := listenOn(0)
	if err == nil {
		defer l.Close()
		var out net.Conn
		if out, err = net.DialTimeout("tcp", l.Addr().String(), echoTime); err == nil { //nolint:noctx // bounded by its time
			return out.Close()
		}
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) {
		return errors.New("use 127.0.0.1: its interface is down in this network namespace (ip link set lo up, or run mage where the engine runs)")
	}
	return nil
}

// UnreachableError is a container that the engine publishes somewhere else than on this machine's 127.0.0.1.
type UnreachableError struct {
	Container string
	Port      uint16
	Engine    string // its address
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("reach container %q: the engine at %s says that it runs, with port %d published, and nothing has that port here: "+
		"the engine is in another network namespace or on another machine (this is a container with the engine's socket, say, or unshare -n); "+
		"run mage where the engine runs, or in the host's network (--network host)", e.Container, e.Engine, e.Port)
}

// publishTime is for how long a port may be unheard of after the engine has called its container running.
const publishTime = 2 * time.Second

// Published waits until somebody has the port here. That is so before a start returns; where it is not, nobody here
// ever will.
func Published(ctx context.Context, e Engine, c engine.Container, port uint16) error {
	for end := time.Now().Add(publishTime); ; {
		err := Elsewhere(ctx, e, c, port)
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(publishTime / 20):
		}
	}
}

// Elsewhere returns an [*UnreachableError] when a container runs with port published, and the port is free here.
func Elsewhere(ctx context.Context, e Engine, c engine.Container, port uint16) error {
	if err := loopback(); err != nil {
		return err
	}
	if c.State != engine.Running || !Publishes(c, port) || !PortFree(port) {
		return nil
	}
	now, err := e.ContainerInspect(ctx, string(c.ID)) // it may have ended meanwhile
	if err != nil || now.State != engine.Running {
		return nil //nolint:nilerr // who waits for the container learns that, too
	}
	return &UnreachableError{Container: c.Name, Port: port, Engine: e.Info().Endpoint}
}

// Holder names the container or the process that has the port, as far as that can be told. A published port
// is held by a process of the engine's, which would tell nobody anything.
func Holder(ctx context.Context, e Engine, port uint16) string {
	if name, err := e.ContainerOnPort(ctx, port); err == nil {
		return fmt.Sprintf("container %q", name)
	}
	if who := listener(port); who != "" {
		return who
	}
	if l, err := listenOn(port); err == nil {
		_ = l.Close()
		if PortFree(port) {
			return "another program"
		}
		return "a firewall rule that leads its connections elsewhere (iptables -t nat -S; a container that was killed may have left it)"
	}
	return "another program"
}

// echoTime is how long a connection to ourselves may take.
const echoTime = 250 * time.Millisecond

// PortFree tells whether nothing has the port of 127.0.0.1 or of all addresses. Being able to listen does not
// say it all: an engine publishes ports by firewall rules too, and those of a container that died without the
// engine noticing take every connection to an address where nobody is. So a connection must reach us.
func PortFree(port uint16) bool {
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
