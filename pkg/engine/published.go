package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// ContainerOnPort names the running container, anyone's, that publishes a port of this machine. Without one it
// is [ErrNotFound]: another program may have the port all the same.
func (e *Engine) ContainerOnPort(ctx context.Context, port uint16) (string, error) {
	res, err := e.api.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return "", apiError(ctx, "list containers on port", fmt.Sprint(port), err)
	}
	for _, c := range res.Items {
		for _, p := range c.Ports {
			if p.PublicPort == port && len(c.Names) > 0 {
				return strings.TrimPrefix(c.Names[0], "/"), nil
			}
		}
	}
	return "", fmt.Errorf("find a container on port %d: %w", port, ErrNotFound)
}

// inspect is all that the engine says of a container.
func (e *Engine) inspect(ctx context.Context, nameOrID string) (container.InspectResponse, error) {
	res, err := AskAgain(ctx, func() (client.ContainerInspectResult, error) {
		return e.api.ContainerInspect(ctx, nameOrID, client.ContainerInspectOptions{})
	})
	return res.Container, apiError(ctx, "inspect container", nameOrID, err)
}
