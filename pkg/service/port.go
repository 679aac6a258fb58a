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
	"github.com/poststack/poststack/pkg/image"
)

// Loopback is where ports are published unless the settings say otherwise.
const Loopback = "127.0.0.1"

// Ports are what a service publishes: on addresses of this machine, those that have a port there. Without one of IPv4
// it is also published on [Loopback], where its health is asked: root's podman publishes nothing on ::1.
func Ports(declared []image.ServicePort, listen []string, hosts map[uint16]uint16) []engine.Port {
	if !slices.ContainsFunc(listen, func(address string) bool { return !IsIPv6(address) }) {
		listen = append([]string{Loopback}, listen...)
	}
	var ports []engine.Port
	for _, p := range declared {
		host, published := hosts[p.Port]
		if !published {
			continue
		}
		for _, protocol := range []string{"tcp", engine.UDP} {
			if !p.Speaks(protocol) {
				continue
			}
			for _, address := range listen {
				one := engine.Port{Container: p.Port, HostIP: address, Host: host}
				if protocol == engine.UDP {
					one.Protocol = protocol
				}
				ports = append(ports, one)
			}
		}
	}
	return ports
}

// IsIPv6 tells the kind of an address.
func IsIPv6(address string) bool { return net.ParseIP(address).To4() == nil }

// PortError is a port of this machine that a service needs and another program holds.
type PortError struct {
	engine.Port
	Holder string // who has it, as far as it can be told; "" where the address is not this machine's
	Remedy string // how to choose another
	Err    error  // what the engine said, if it was asked
}

// Unwrap gives the engine's error.
func (e *PortError) Unwrap() error { return e.Err }

func (e *PortError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("publish port %d of %s: this machine has no such address (ip address lists those that it has)",
			e.Host, e.HostIP)
	}
	return fmt.Sprintf("publish port %d of %s: %s has it; stop that, or %s", e.Host, e.HostIP, e.Holder, e.Remedy)
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

// NextPort is the first number, from that of the first port up, that is free for all of them and not promised to
// others. Those are not even looked at: who looks has the port for a moment.
func NextPort(ctx context.Context, e Engine, promised []uint16, ports ...engine.Port) (uint16, error) {
	if err := loopback(); err != nil {
		return 0, err
	}
	from := ports[0].Host
	for _, p := range ports {
		if absent(p.HostIP) {
			return 0, &PortError{Port: p}
		}
	}
	for number := from; number != 0; number++ {
		if slices.Contains(promised, number) {
			continue
		}
		at := slices.Clone(ports)
		for i := range at {
			at[i].Host = number
		}
		taken := func() bool { return slices.ContainsFunc(at, func(p engine.Port) bool { return !PortFree(p) }) }
		if !taken() || slices.ContainsFunc(at, Diverted) && e.PortsClear(ctx, at) == nil && !taken() {
			return number, nil
		}
	}
	return 0, fmt.Errorf("choose port: none is free from %d up", from)
}

// loopback tells why 127.0.0.1 cannot be used at all, as in a new network namespace, whose interfaces are all down: one
// may listen there, and nobody gets through.
func loopback() error {
	l, err := listenOn(engine.Port{HostIP: Loopback})
	if err == nil {
		defer l.Close()
		var out net.Conn
		if out, err = net.DialTimeout("tcp", l.Addr().String(), echoTime); err == nil { //nolint:noctx // bounded by its time
			return out.Close()
		}
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENETUNREACH) ||
		errors.Is(err, syscall.EHOSTUNREACH) {
		return errors.New("use 127.0.0.1: its interface is down in this network namespace (ip link set lo up, or run mage " +
			"where the engine runs)")
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
	return fmt.Sprintf("reach container %q: the engine at %s says that it runs, with port %d published, and nothing has "+
		"that port here: the engine is in another network namespace or on another machine (this is a container with the "+
		"engine's socket, say, or unshare -n); run mage where the engine runs, or in the host's network (--network "+
		"host)", e.Container, e.Engine, e.Port)
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
	if c.State != engine.Running || !Publishes(c, port) || !PortFree(engine.Port{HostIP: Loopback, Host: port}) {
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
func Holder(ctx context.Context, e Engine, port engine.Port) string {
	if name, err := e.ContainerOnPort(ctx, port.Host); err == nil {
		return fmt.Sprintf("container %q", name)
	}
	if who := listener(port); who != "" {
		return who
	}
	if Diverted(port) {
		return "a firewall rule that leads its connections elsewhere (iptables -t nat -S)"
	}
	return "another program"
}
