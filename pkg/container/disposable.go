package container

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/ory/dockertest/v3"
	docker "github.com/ory/dockertest/v3/docker"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/trace"
)

// Server tells how to reach an engine's API; *engine.Engine has it.
type Server interface {
	Info() engine.Info
	Endpoint(ctx context.Context) (string, error)
	Guard() error
}

// DisposableSpec is a container that lives no longer than a check or a test.
type DisposableSpec struct {
	Image    engine.Ref // must be in the engine's store: it is never pulled
	Command  []string
	Env      map[string]string
	Groups   []int             // beside the user's own
	Ports    []uint16          // of TCP, published on free ports of 127.0.0.1
	UDP      []uint16          // likewise
	Volumes  map[string]string // volume → path
	Locked   map[string]string // the same, mounted read-only
	Tmpfs    []engine.Tmpfs
	ReadOnly bool   // root file system
	Network  string // name of a network; "" is the engine's default
	engine.Confinement
}

// Disposable is a container that [StartDisposable] started.
type Disposable struct {
	pool     *dockertest.Pool
	resource *dockertest.Resource
}

// StartDisposable starts a container through dockertest, labelled with this process so that the engine's watchdog or
// [Sweep] removes it when nobody closes it. Three of dockertest's habits are kept away: it publishes on every
// address, it negotiates by asking for the server's version, and it leaves behind a container that does not start.
func StartDisposable(ctx context.Context, s Server, spec DisposableSpec) (*Disposable, error) {
	pool, err := newPool(ctx, s)
	if err != nil {
		return nil, err
	}
	name, tag := splitRef(spec.Image)
	if _, err := pool.Client.InspectImage(string(spec.Image)); err != nil {
		return nil, fmt.Errorf("inspect image %q: %w", spec.Image, err)
	}
	options := &dockertest.RunOptions{
		Name:       "poststack-disposable-" + strings.ToLower(rand.Text()[:12]),
		Repository: name, Tag: tag, Cmd: spec.Command, Env: engine.EnvList(spec.Env),
		Labels: DisposableLabels(), PortBindings: map[docker.Port][]docker.PortBinding{},
	}
	for protocol, ports := range map[string][]uint16{"tcp": spec.Ports, "udp": spec.UDP} {
		for _, port := range ports {
			key := docker.Port(fmt.Sprintf("%d/%s", port, protocol))
			options.ExposedPorts = append(options.ExposedPorts, string(key))
			options.PortBindings[key] = []docker.PortBinding{{HostIP: "127.0.0.1", HostPort: "0"}}
		}
	}
	for volume, target := range spec.Volumes {
		options.Mounts = append(options.Mounts, volume+":"+target)
	}
	for volume, target := range spec.Locked {
		options.Mounts = append(options.Mounts, volume+":"+target+":ro")
	}
	resource, err := pool.RunWithOptions(options, func(c *docker.HostConfig) {
		c.PublishAllPorts = false
		c.NetworkMode, c.ReadonlyRootfs, c.Tmpfs = spec.Network, spec.ReadOnly, map[string]string{}
		for _, t := range spec.Tmpfs {
			c.Tmpfs[t.Path] = t.Options(s.Info().Kind)
		}
		for _, gid := range spec.Groups {
			c.GroupAdd = append(c.GroupAdd, strconv.Itoa(gid))
		}
		confine(c, spec.Confinement)
	})
	if engine.EndedMeanwhile(err) { // when it had been started, and was looked at
		resource, err = named(ctx, pool, options.Name)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("run image %q: %w", spec.Image, err), removeNamed(ctx, pool, options.Name))
	}
	return &Disposable{pool: pool, resource: resource}, nil
}

// confine sets the limits of a container.
func confine(c *docker.HostConfig, limits engine.Confinement) {
	if limits.Confined {
		c.CapDrop, c.CapAdd, c.SecurityOpt = []string{"ALL"}, limits.Capabilities, []string{engine.NoNewPrivileges}
	}
	c.PidsLimit, c.Memory = limits.Processes, limits.Memory
}

// named is the container of that name.
func named(ctx context.Context, pool *dockertest.Pool, name string) (*dockertest.Resource, error) {
	return engine.AskAgain(ctx, func() (*dockertest.Resource, error) {
		if _, err := pool.Client.InspectContainer(name); err != nil {
			return nil, err
		}
		if resource, found := pool.ContainerByName(name); found {
			return resource, nil
		}
		return nil, fmt.Errorf("inspect container %q: %w", name, engine.ErrNotFound)
	})
}

// removeNamed removes the container of that name, if it was made.
func removeNamed(ctx context.Context, pool *dockertest.Pool, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	err := pool.Client.RemoveContainer(docker.RemoveContainerOptions{
		ID: name, Force: true, RemoveVolumes: true, Context: ctx,
	})
	var none *docker.NoSuchContainer
	if err == nil || errors.As(err, &none) {
		return nil
	}
	return fmt.Errorf("remove container %q: %w", name, err)
}

// newPool connects dockertest to the engine, at the API version that is negotiated already.
func newPool(ctx context.Context, s Server) (*dockertest.Pool, error) {
	if err := s.Guard(); err != nil {
		return nil, err
	}
	endpoint, err := s.Endpoint(ctx)
	if err != nil {
		return nil, err
	}
	client, err := docker.NewVersionedClient(endpoint, s.Info().APIVersion)
	if err != nil {
		return nil, fmt.Errorf("connect to engine at %q: %w", endpoint, err)
	}
	client.SkipServerVersionCheck = true
	client.HTTPClient.Transport = trace.Transport(ctx, trace.API, client.HTTPClient.Transport)
	return &dockertest.Pool{Client: client, MaxWait: time.Minute}, nil
}

// ID is the container's ID.
func (d *Disposable) ID() engine.ContainerID { return engine.ContainerID(d.resource.Container.ID) }

// Address is where a port of the container is published on this machine, "127.0.0.1:PORT".
func (d *Disposable) Address(port uint16) string {
	return net.JoinHostPort("127.0.0.1", d.resource.GetPort(strconv.Itoa(int(port))+"/tcp"))
}

// Exec runs a command in the container and returns its exit status and what it printed.
func (d *Disposable) Exec(command ...string) (engine.ExecResult, error) {
	var stdout, stderr bytes.Buffer
	code, err := d.resource.Exec(command, dockertest.ExecOptions{StdOut: &stdout, StdErr: &stderr})
	if err != nil {
		return engine.ExecResult{}, fmt.Errorf("exec %q: %w", strings.Join(command, " "), err)
	}
	return engine.ExecResult{Code: code, Stdout: stdout.String(), Stderr: stderr.String()}, nil
}

// Close removes the container and its anonymous volumes.
func (d *Disposable) Close() error {
	if err := d.pool.Purge(d.resource); err != nil {
		return fmt.Errorf("remove container %q: %w", d.resource.Container.Name, err)
	}
	return nil
}

// splitRef parts a reference at its tag; a port of a registry is none.
func splitRef(ref engine.Ref) (name, tag string) {
	text := string(ref)
	if colon := strings.LastIndexByte(text, ':'); colon > strings.LastIndexByte(text, '/') {
		return text[:colon], text[colon+1:]
	}
	return text, "latest"
}
