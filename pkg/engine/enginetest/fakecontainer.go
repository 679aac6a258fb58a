package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// ContainerCreate records spec.
func (f *Fake) ContainerCreate(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error) {
	if err := f.enter(ctx, "ContainerCreate", spec.Name); err != nil {
		return "", err
	}
	defer f.mu.Unlock()
	img := f.image(spec.Image)
	if img == nil {
		return "", fmt.Errorf("create container %q: no image %q: %w", spec.Name, spec.Image, engine.ErrNotFound)
	}
	if spec.Name != "" && f.find(spec.Name) != nil {
		return "", fmt.Errorf("create container %q: %w", spec.Name, engine.ErrConflict)
	}
	for _, p := range spec.Ports {
		if p.HostIP == "" {
			return "", fmt.Errorf("create container %q: publish port %d: HostIP %q is not an address",
				spec.Name, p.Container, p.HostIP)
		}
	}
	id := f.id("container")
	if spec.Name == "" {
		spec.Name = "fake_" + id[:8]
	}
	c := &fakeContainer{spec: spec, files: map[string]engine.File{}, ended: make(chan struct{})}
	c.Container = engine.Container{
		ID: engine.ContainerID(id), Name: spec.Name, Image: img.ID, State: engine.Created, Created: time.Now(),
		Labels: spec.Labels, Mounts: spec.Mounts, Addresses: map[string]string{},
	}
	for k, v := range spec.Env {
		c.Env = append(c.Env, k+"="+v)
	}
	slices.Sort(c.Env)
	for _, file := range spec.Files {
		c.files[file.Path] = file
	}
	f.containers = append(f.containers, c)
	return c.ID, nil
}

// ContainerStart starts a container and lets Behave decide what becomes of it.
func (f *Fake) ContainerStart(ctx context.Context, id engine.ContainerID) error {
	c, err := f.reach(ctx, "ContainerStart", id)
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	if c.State == engine.Running {
		return nil
	}
	if f.Behave != nil {
		c.outcome = f.Behave(c.spec)
	}
	if c.outcome.StartError != nil {
		return fmt.Errorf("start container %q: %w", id, c.outcome.StartError)
	}
	if busy := f.busyPort(c); busy != 0 {
		return fmt.Errorf("start container %q: port %d: %w", id, busy, engine.ErrPortInUse)
	}
	c.State, c.Started, c.ended = engine.Running, time.Now(), make(chan struct{})
	c.Ports = slices.Clone(c.spec.Ports)
	for i := range c.Ports {
		if c.Ports[i].Host == 0 {
			f.count++
			c.Ports[i].Host = uint16(30000 + f.count%20000)
		}
	}
	if c.spec.Network != "" {
		c.Addresses[c.spec.Network] = "10.0.0.2"
	}
	if c.outcome.Exits {
		c.exit(c.outcome.Code)
	}
	return nil
}

// busyPort is a host port of c that another running container has.
func (f *Fake) busyPort(c *fakeContainer) uint16 {
	for _, want := range c.spec.Ports {
		for _, o := range f.containers {
			if o != c && o.State == engine.Running &&
				slices.ContainsFunc(o.Ports, func(p engine.Port) bool { return p.Host == want.Host }) {
				return want.Host
			}
		}
	}
	return 0
}

// ContainerInspect finds a container by its whole name or by ID.
func (f *Fake) ContainerInspect(ctx context.Context, nameOrID string) (engine.Container, error) {
	c, err := f.reach(ctx, "ContainerInspect", engine.ContainerID(nameOrID))
	if err != nil {
		return engine.Container{}, err
	}
	defer f.mu.Unlock()
	return c.Container, nil
}

// ContainerList finds containers by labels.
func (f *Fake) ContainerList(ctx context.Context, labels map[string]string) ([]engine.Container, error) {
	if len(labels) == 0 {
		return nil, errors.New("list containers: no label to select by")
	}
	if err := f.enter(ctx, "ContainerList", ""); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var out []engine.Container
	for _, c := range f.containers {
		if has(c.Labels, labels) {
			out = append(out, c.Container)
		}
	}
	return out, nil
}

// ContainerOnPort names the running container that publishes a port.
func (f *Fake) ContainerOnPort(ctx context.Context, port uint16) (string, error) {
	if err := f.enter(ctx, "ContainerOnPort", ""); err != nil {
		return "", err
	}
	defer f.mu.Unlock()
	for _, c := range f.containers {
		for _, p := range c.Ports {
			if c.State == engine.Running && p.Host == port {
				return c.Name, nil
			}
		}
	}
	return "", engine.ErrNotFound
}

// ContainerKeepUp notes it.
func (f *Fake) ContainerKeepUp(ctx context.Context, id engine.ContainerID) error {
	c, err := f.reach(ctx, "ContainerKeepUp", id)
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	c.KeptUp = f.Identity.Kind == engine.Docker
	return nil
}

// ContainerWait waits for the end of a container.
func (f *Fake) ContainerWait(ctx context.Context, id engine.ContainerID) (int, error) {
	c, err := f.reach(ctx, "ContainerWait", id)
	if err != nil {
		return 0, err
	}
	running, ended, code := c.State == engine.Running, c.ended, c.ExitCode
	f.mu.Unlock()
	if !running {
		return code, nil
	}
	select {
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for container %q: %w", id, context.Cause(ctx))
	case <-ended:
		f.mu.Lock()
		defer f.mu.Unlock()
		return c.ExitCode, nil
	}
}

// ContainerStop ends a container with status 0.
func (f *Fake) ContainerStop(ctx context.Context, id engine.ContainerID, _ time.Duration) error {
	c, err := f.reach(ctx, "ContainerStop", id)
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	c.exit(0)
	return nil
}

// ContainerKill ends a running container, with status 137 for SIGKILL and 0 otherwise; SIGHUP does nothing.
func (f *Fake) ContainerKill(ctx context.Context, id engine.ContainerID, signal string) error {
	c, err := f.reach(ctx, "ContainerKill", id)
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	switch {
	case c.State != engine.Running:
		return fmt.Errorf("kill container %q: it does not run", id)
	case signal == "SIGKILL" || signal == "KILL" || signal == "":
		c.exit(137)
	case signal != "SIGHUP" && signal != "HUP":
		c.exit(0)
	}
	return nil
}

// ContainerRemove removes a container in any state.
func (f *Fake) ContainerRemove(ctx context.Context, id engine.ContainerID) error {
	c, err := f.reach(ctx, "ContainerRemove", id)
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	c.exit(137)
	f.containers = slices.DeleteFunc(f.containers, func(o *fakeContainer) bool { return o == c })
	return nil
}

// ContainerLogs writes what Behave said the program prints; with Follow it waits for the end.
func (f *Fake) ContainerLogs(
	ctx context.Context, id engine.ContainerID, o engine.LogOptions, stdout, stderr io.Writer,
) error {
	c, err := f.reach(ctx, "ContainerLogs", id)
	if err != nil {
		return err
	}
	out, complaint := tail(c.outcome.Stdout, o.Tail), tail(c.outcome.Stderr, o.Tail)
	f.mu.Unlock()
	if stdout != nil {
		_, err = io.WriteString(stdout, out)
	}
	if stderr != nil && err == nil {
		_, err = io.WriteString(stderr, complaint)
	}
	if err == nil && o.Follow {
		_, err = f.ContainerWait(ctx, id)
	}
	return err
}
