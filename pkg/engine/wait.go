package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// waitInterval is the longest pause between two looks at a container of podman that is waited for.
const waitInterval = 100 * time.Millisecond

// ContainerWait waits until a container does not run and returns its exit status. One that was never
// started counts as not running, with status 0.
func (e *Engine) ContainerWait(ctx context.Context, id ContainerID) (int, error) {
	if e.info.Kind == Podman {
		return e.waitByAsking(ctx, id)
	}
	res := e.api.ContainerWait(ctx, string(id), client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-ctx.Done():
		return 0, apiError(ctx, "wait for container", string(id), ctx.Err())
	case err := <-res.Error:
		return 0, apiError(ctx, "wait for container", string(id), err)
	case r := <-res.Result:
		if r.Error != nil && r.Error.Message != "" {
			return int(r.StatusCode), fmt.Errorf("wait for container %q: %s", id, r.Error.Message)
		}
		return int(r.StatusCode), nil
	}
}

// waitByAsking is ContainerWait for podman, whose own wait looks at the container every nanosecond, and so keeps a
// processor busy until it ends. Source: pkg/api/handlers/utils/containers.go, WaitContainerDocker, 4.3.
func (e *Engine) waitByAsking(ctx context.Context, id ContainerID) (int, error) {
	for pause := waitInterval / 16; ; pause = min(pause*5/4, waitInterval) {
		c, err := e.ContainerInspect(ctx, string(id))
		if ctx.Err() != nil {
			return 0, apiError(ctx, "wait for container", string(id), ctx.Err())
		}
		if err != nil {
			return 0, fmt.Errorf("wait for container %q: %w", id, err)
		}
		if !slices.Contains([]State{Running, paused, "stopping", "restarting"}, c.State) {
			return c.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return 0, apiError(ctx, "wait for container", string(id), ctx.Err())
		case <-time.After(pause):
		}
	}
}
