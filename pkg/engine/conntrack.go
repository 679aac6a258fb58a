package engine

import (
	"context"
	"errors"
	"net"
)

// clearWay has nothing from earlier containers stand between a container's names and published ports and those who
// call them.
func (e *Engine) clearWay(ctx context.Context, id ContainerID) error {
	if !e.hasRules() {
		return nil
	}
	found, err := e.inspect(ctx, string(id))
	if err != nil {
		return unlessAbsent(err)
	}
	c := containerOf(found)
	err = dropLeftNames(found)
	if len(c.Ports) == 0 {
		return err
	}
	return errors.Join(err, e.PortsClear(ctx, c.Ports), forgetPaths(c, addressesOf(found)))
}

// forgetPaths has the kernel forget where it sends datagrams that come to a container's published ports, unless that is
// where the container is now. Linux keeps such a path for up to two minutes after the last datagram, and podman (4.3)
// gives a container another address at each start: who goes on asking from the same port, such as a secondary name
// server with a query-source, would never be answered again. That nothing can be done is no error.
func forgetPaths(c Container, addresses []string) error {
	var ports []uint16
	for _, p := range c.Ports {
		if p.Protocol == UDP {
			ports = append(ports, p.Host)
		}
	}
	if len(ports) == 0 {
		return nil
	}
	return forget(ports, addresses)
}

// EndsHere tells whether a connection to a published port has come to no container: this machine itself has taken it,
// for podman's conmon, which holds the port and never answers. That is what is left of a port whose rules somebody has
// removed from the firewall, such as firewalld when it reloads (podman-network-reload(1)).
func (e *Engine) EndsHere(conn net.Conn) bool {
	from, ok := conn.LocalAddr().(*net.TCPAddr)
	to, both := conn.RemoteAddr().(*net.TCPAddr)
	return ok && both && e.hasRules() && endsAt(from.AddrPort(), to.AddrPort())
}
