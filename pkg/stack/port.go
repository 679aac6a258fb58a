package stack

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
	"github.com/poststack/poststack/pkg/event"
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

// portTries is how many ports a new database is offered when others take them in the meantime.
const portTries = 20

// have has the container running as declared. The port of a new database was only looked for, so when another takes it
// before the engine does, such as a stack that is set up at the same moment, the next free one does as well. A port
// that is set, or that people know already, does not give way.
func (s *Stack) have(
	ctx context.Context, r event.Reporter, e Engine, service *container.Service, found engine.Container,
) (engine.Container, container.Change, error) {
	_, err := s.rememberedPort(ctx)
	chosen := errors.Is(err, errNotSetUp)
	for try := 1; ; try++ {
		port := service.Spec.Ports[0].Host
		c, change, err := s.haveOn(ctx, e, *service, found)
		if !chosen || try == portTries || !errors.As(err, new(*PortError)) {
			return c, change, err
		}
		next, none := nextPort(port + 1)
		if none != nil {
			return c, change, none
		}
		r.Notice(fmt.Sprintf("port %d was taken meanwhile: this stack's database gets port %d", port, next))
		service.Spec.Ports = []engine.Port{{Container: postgresPort, HostIP: "127.0.0.1", Host: next}}
	}
}

// haveOn is one try, with the port that is declared.
func (s *Stack) haveOn(
	ctx context.Context, e Engine, service container.Service, found engine.Container,
) (engine.Container, container.Change, error) {
	if err := s.checkPort(ctx, e, service.Spec.Ports[0].Host, found); err != nil {
		return engine.Container{}, "", err
	}
	c, change, err := container.Ensure(ctx, e, service, found)
	return c, change, portProblem(ctx, e, err, service.Spec.Ports[0].Host)
}

// nextPort is the first from port that is free on 127.0.0.1.
func nextPort(port uint16) (uint16, error) {
	if err := loopback(); err != nil {
		return 0, err
	}
	for ; port != 0; port++ {
		if portFree(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("choose port: none is free from %d up", postgresPort)
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

// published waits until somebody has the port here. That is so before a start returns; where it is not, nobody here
// ever will.
func (s *Stack) published(ctx context.Context, e Engine, c engine.Container, port uint16) error {
	for end := time.Now().Add(publishTime); ; {
		err := elsewhere(ctx, e, c, port)
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

// elsewhere returns an [*UnreachableError] when a container runs with port published, and the port is free here.
func elsewhere(ctx context.Context, e Engine, c engine.Container, port uint16) error {
	if err := loopback(); err != nil {
		return err
	}
	publishes := func(p engine.Port) bool { return p.Host == port }
	if c.State != engine.Running || !slices.ContainsFunc(c.Ports, publishes) || !portFree(port) {
		return nil
	}
	now, err := e.ContainerInspect(ctx, string(c.ID)) // it may have ended meanwhile
	if err != nil || now.State != engine.Running {
		return nil //nolint:nilerr // who waits for the container learns that, too
	}
	return &UnreachableError{Container: c.Name, Port: port, Engine: e.Info().Endpoint}
}

// checkPort refuses a port that another holds, before anything is made or stopped. Our own running container
// holds it rightly; one that is paused or the like is ended first.
func (s *Stack) checkPort(ctx context.Context, e Engine, port uint16, c engine.Container) error {
	if c.State == engine.Running && slices.ContainsFunc(c.Ports, func(p engine.Port) bool { return p.Host == port }) {
		return nil
	}
	if err := loopback(); err != nil {
		return err
	}
	if c.ID != "" && s.endsFirst(e, c) || portFree(port) {
		return nil
	}
	return &PortError{Port: port, Holder: holder(ctx, e, port)}
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
