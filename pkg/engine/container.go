package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// ContainerStart starts a created or stopped container. A host port that is taken is [ErrPortInUse]; the
// container then stays, not running. When ctx ends meanwhile, it is started all the same.
func (e *Engine) ContainerStart(ctx context.Context, id ContainerID) error {
	if ctx.Err() != nil {
		return apiError(ctx, "start container", string(id), ctx.Err())
	}
	ctx, cancel := linger(ctx)
	defer cancel()
	_, err := e.api.ContainerStart(ctx, string(id), client.ContainerStartOptions{})
	if err == nil {
		err = e.clearWay(ctx, id)
	}
	return apiError(ctx, "start container", string(id), err)
}

// ContainerKeepUp has docker start the container again when its daemon starts, and when its program ends by itself,
// until it is stopped. On podman it changes nothing: KeepUp of [ContainerSpec] and [MarkAtBoot] are for that.
func (e *Engine) ContainerKeepUp(ctx context.Context, id ContainerID) error {
	if e.info.Kind == Podman {
		return nil
	}
	policy := container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}
	_, err := e.api.ContainerUpdate(ctx, string(id), client.ContainerUpdateOptions{RestartPolicy: &policy})
	return apiError(ctx, "set the restart policy of container", string(id), err)
}

// ContainerInspect describes a container. An unknown one is [ErrNotFound]; so is one that the engine finds
// only because its ID or another of its names begins like that.
func (e *Engine) ContainerInspect(ctx context.Context, nameOrID string) (Container, error) {
	found, err := e.inspect(ctx, nameOrID)
	if err != nil {
		return Container{}, err
	}
	c := containerOf(found)
	c.NetworkLost = e.hasRules() && networkLost(found)
	if c.Name != nameOrID && !isID(nameOrID) {
		return Container{}, fmt.Errorf("inspect container %q: %w", nameOrID, ErrNotFound)
	}
	return c, nil
}

// isID tells an ID, short or long, from a name.
func isID(s string) bool {
	return len(s) >= 12 && strings.Trim(s, "0123456789abcdef") == ""
}

// ContainerList lists the containers in any state that carry all of labels, which must not be empty. Each
// is inspected; one that vanishes meanwhile is left out.
func (e *Engine) ContainerList(ctx context.Context, labels map[string]string) ([]Container, error) {
	filters, err := labelFilters(labels)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	res, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, apiError(ctx, "list containers with labels", labelText(labels), err)
	}
	var out []Container
	for _, s := range res.Items {
		if !hasLabels(s.Labels, labels) {
			continue
		}
		c, err := e.ContainerInspect(ctx, s.ID)
		if unlessAbsent(err) != nil {
			return nil, err
		}
		if err == nil {
			out = append(out, c)
		}
	}
	return out, nil
}

// ContainerStop sends the image's stop signal and, after timeout (rounded up to seconds), SIGKILL. A
// container that does not run is left as it is; one that is paused goes on for it: it could not end in order, and
// podman refuses to stop it.
func (e *Engine) ContainerStop(ctx context.Context, id ContainerID, timeout time.Duration) error {
	seconds := int(math.Ceil(timeout.Seconds()))
	if c, err := e.ContainerInspect(ctx, string(id)); err == nil && c.State == paused {
		if _, err := e.api.ContainerUnpause(ctx, string(id), client.ContainerUnpauseOptions{}); err != nil {
			return apiError(ctx, "unpause container", string(id), err)
		}
	}
	return unlessNoticed(func() error {
		_, err := e.api.ContainerStop(ctx, string(id), client.ContainerStopOptions{Timeout: &seconds})
		return apiError(ctx, "stop container", string(id), err)
	})
}

// unlessNoticed ends a container once more when podman noticed only in doing so that its process had died
// together with the monitor that should have told of it. It is noted as stopped then.
func unlessNoticed(end func() error) error {
	err := end()
	for _, sign := range []string{"container state improper", "timed out waiting for file"} {
		if err != nil && strings.Contains(err.Error(), sign) {
			return end()
		}
	}
	return err
}

// ContainerKill sends a signal, such as SIGHUP, to the first process of a running container.
func (e *Engine) ContainerKill(ctx context.Context, id ContainerID, signal string) error {
	_, err := e.api.ContainerKill(ctx, string(id), client.ContainerKillOptions{Signal: signal})
	return apiError(ctx, "kill container", string(id), err)
}

// ContainerRemove ends a container at once and removes it with its anonymous volumes. One that does not
// exist is no error.
func (e *Engine) ContainerRemove(ctx context.Context, id ContainerID) error {
	if ctx.Err() != nil {
		return apiError(ctx, "remove container", string(id), ctx.Err())
	}
	ctx, cancel := linger(ctx)
	defer cancel()
	err := unlessNoticed(func() error {
		_, err := e.api.ContainerRemove(ctx, string(id), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return unlessAbsent(apiError(ctx, "remove container", string(id), err))
	})
	if err != nil && strings.Contains(err.Error(), "already in progress") { // docker, 409
		return e.awaitRemoval(ctx, id)
	}
	if err == nil {
		err = e.endRemoved(ctx, id)
	}
	return err
}

// awaitRemoval waits for the end of a removal that somebody else has begun.
func (e *Engine) awaitRemoval(ctx context.Context, id ContainerID) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cleanupTime,
		fmt.Errorf("it is still being removed after %s", cleanupTime))
	defer cancel()
	for {
		if _, err := e.ContainerInspect(ctx, string(id)); err != nil {
			return unlessAbsent(err)
		}
		select {
		case <-ctx.Done():
			return apiError(ctx, "remove container", string(id), ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func containerOf(r container.InspectResponse) Container {
	out := Container{
		ID: ContainerID(r.ID), Name: strings.TrimPrefix(r.Name, "/"), Image: imageID(r.Image),
		Created: parseTime(r.Created), Restarts: r.RestartCount, Addresses: map[string]string{},
	}
	if s := r.State; s != nil {
		out.State, out.ExitCode, out.OOMKilled = stateOf(s.Status), s.ExitCode, s.OOMKilled
		out.Started, out.Finished = parseTime(s.StartedAt), parseTime(s.FinishedAt)
	}
	if r.HostConfig != nil {
		out.KeptUp = r.HostConfig.RestartPolicy.IsUnlessStopped()
	}
	if r.Config != nil {
		out.Labels, out.Env = r.Config.Labels, r.Config.Env
	}
	if n := r.NetworkSettings; n != nil {
		for name, ep := range n.Networks {
			if ep != nil && ep.IPAddress.IsValid() {
				out.Addresses[name] = ep.IPAddress.String()
			}
		}
		if out.State == Running {
			out.Ports = portsOf(n)
		}
	}
	for _, m := range r.Mounts {
		out.Mounts = append(out.Mounts, mountOf(m))
	}
	// docker lists them by chance
	slices.SortFunc(out.Mounts, func(a, b Mount) int { return strings.Compare(a.Target, b.Target) })
	return out
}

// stateOf evens out podman's own words for states that docker names otherwise.
func stateOf(s container.ContainerState) State {
	switch s {
	case "configured", "initialized":
		return Created
	case "stopped":
		return Exited
	default:
		return State(s)
	}
}

// portsOf lists the published ports, TCP before UDP.
func portsOf(n *container.NetworkSettings) []Port {
	var out []Port
	for p, bindings := range n.Ports {
		for _, b := range bindings {
			host, err := strconv.ParseUint(b.HostPort, 10, 16)
			if err != nil || p.Proto() != network.TCP && p.Proto() != network.UDP {
				continue
			}
			ip := "0.0.0.0" // as podman says nothing then
			if b.HostIP.IsValid() {
				ip = b.HostIP.String()
			}
			out = append(out, Port{
				Container: p.Num(), Protocol: strings.TrimPrefix(string(p.Proto()), string(network.TCP)), HostIP: ip,
				Host: uint16(host),
			})
		}
	}
	slices.SortFunc(out, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(strings.Count(a.HostIP, ":"), strings.Count(b.HostIP, ":"))) // IPv4 first
	})
	return out
}

func mountOf(m container.MountPoint) Mount {
	out := Mount{Target: m.Destination, ReadOnly: !m.RW}
	if m.Type == mount.TypeVolume {
		out.Volume = m.Name
	} else {
		out.Bind = m.Source
	}
	return out
}
