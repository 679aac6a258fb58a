package engine

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
)

// forgetPaths has the kernel forget where it sends datagrams that come to a container's published ports, unless that is
// where the container is now. Linux keeps such a path for up to two minutes after the last datagram, and podman (4.3)
// gives a container another address at each start: who goes on asking from the same port, such as a secondary name
// server with a query-source, would never be answered again. Docker sees to that itself.
//
// Only root may do so, and only where the containers run. Elsewhere there is nothing to forget, as a program forwards
// the ports of rootless podman, or it is out of reach; so that nothing can be done is no error.
func (e *Engine) forgetPaths(ctx context.Context, id ContainerID) error {
	if e.info.Kind != Podman || e.info.Rootless || os.Geteuid() != 0 || !strings.HasPrefix(e.info.Endpoint, "unix://") {
		return nil
	}
	c, err := e.ContainerInspect(ctx, string(id))
	if err != nil {
		return unlessAbsent(err)
	}
	var ports []uint16
	for _, p := range c.Ports {
		if p.Protocol == UDP {
			ports = append(ports, p.Host)
		}
	}
	if len(ports) == 0 {
		return nil
	}
	return forget(ports, slices.Collect(maps.Values(c.Addresses)))
}
