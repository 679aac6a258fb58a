package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/poststack/poststack/pkg/session"
)

// readableLog is the log driver of disposable containers: what they print is read by us, and a default such as none,
// passthrough or a collector's gives nothing back. Both engines know it, and docker keeps the default's options where
// it is the default. Long-lived containers log as the engine is set up to.
const readableLog = "json-file"

// cleanupTime bounds the removal of what a failed or cancelled call made.
const cleanupTime = 30 * time.Second

// ContainerCreate makes a container with its files in it and does not start it. A name that is taken is
// [ErrConflict], an image that is not in the local store [ErrNotFound]: nothing is pulled. When a later part
// fails, or ctx ends meanwhile, the container is removed again.
func (e *Engine) ContainerCreate(ctx context.Context, spec ContainerSpec) (ContainerID, error) {
	options, err := e.createOptions(spec)
	if err != nil {
		return "", fmt.Errorf("create container %q: %w", spec.Name, err)
	}
	if err := e.guardLabels(spec.Labels); err != nil {
		return "", fmt.Errorf("create container %q: %w", spec.Name, err)
	}
	if ctx.Err() != nil {
		return "", apiError(ctx, "create container", spec.Name, ctx.Err())
	}
	whole, cancel := linger(ctx)
	defer cancel()
	if spec.Name != "" {
		if err := e.ContainerEndLost(whole, spec.Name); err != nil {
			return "", fmt.Errorf("create container %q: %w", spec.Name, err)
		}
	}
	id, err := e.create(whole, spec, options)
	if err != nil {
		return "", apiError(whole, "create container", spec.Name, err)
	}
	err = e.copyTo(whole, id, spec.Files, spec.FilesBelow)
	if err == nil && ctx.Err() != nil {
		err = ended(ctx)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("create container %q: %w", spec.Name, err), e.removeAfter(ctx, id))
	}
	return id, nil
}

// removeAfter removes a container that is of no use any more, also when ctx has ended.
func (e *Engine) removeAfter(ctx context.Context, id ContainerID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return e.ContainerRemove(ctx, id)
}

// podmanRestarts is how often podman starts a container again whose program fails. It does so at once (2 to 5 times a
// second where the program fails at once, with 4.3), and counts from the last start by somebody.
const podmanRestarts = 50

func (e *Engine) createOptions(spec ContainerSpec) (client.ContainerCreateOptions, error) {
	ports, exposed, err := portMap(e.info.Kind, spec.Ports)
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	cfg := &container.Config{
		Image: string(spec.Image), Entrypoint: spec.Entrypoint, Cmd: spec.Command, Env: EnvList(spec.Env),
		Labels: session.WithOrigin(spec.Labels, e.opts.Getenv), User: spec.User, ExposedPorts: exposed,
	}
	if spec.StopTimeout > 0 {
		seconds := int(math.Ceil(spec.StopTimeout.Seconds()))
		cfg.StopTimeout = &seconds
	}
	host := &container.HostConfig{
		PortBindings: ports, ReadonlyRootfs: spec.ReadOnly, ShmSize: spec.ShmBytes, Tmpfs: map[string]string{},
	}
	if spec.KeepUp && e.info.Kind == Podman { // it can set no policy later
		host.RestartPolicy.Name, host.RestartPolicy.MaximumRetryCount = container.RestartPolicyOnFailure, podmanRestarts
	}
	confine(host, spec.Confinement)
	for _, t := range spec.Tmpfs {
		host.Tmpfs[t.Path] = t.Options(e.info.Kind)
	}
	for _, gid := range spec.Groups {
		host.GroupAdd = append(host.GroupAdd, strconv.Itoa(gid))
	}
	if spec.Labels[session.LabelDisposable] != "" {
		host.LogConfig = container.LogConfig{Type: readableLog}
	}
	if err := e.setMounts(host, spec); err != nil {
		return client.ContainerCreateOptions{}, err
	}
	for name, address := range spec.ExtraHosts {
		if address, err = e.hostAddress(address); err != nil {
			return client.ContainerCreateOptions{}, err
		}
		host.ExtraHosts = append(host.ExtraHosts, name+":"+address)
	}
	out := client.ContainerCreateOptions{Name: spec.Name, Config: cfg, HostConfig: host}
	err = setNetwork(&out, spec)
	return out, err
}

// confine sets the limits of a container.
func confine(host *container.HostConfig, c Confinement) {
	if c.Confined {
		host.CapDrop, host.CapAdd, host.SecurityOpt = []string{"ALL"}, c.Capabilities, []string{NoNewPrivileges}
	}
	if c.Processes > 0 {
		host.PidsLimit = &c.Processes
	}
	host.Memory = c.Memory
}

// NoNewPrivileges is the security option of both engines that keeps set-user-ID programs from gaining any.
const NoNewPrivileges = "no-new-privileges"

// setNetwork says which network the container is in.
func setNetwork(out *client.ContainerCreateOptions, spec ContainerSpec) error {
	host := out.HostConfig
	switch foreign := spec.HostNetwork || spec.NetworkOf != ""; {
	case foreign && (spec.Network != "" || len(spec.Ports) > 0) || spec.HostNetwork && spec.NetworkOf != "":
		return errors.New("the host's network, or another container's, excludes every other and published ports")
	case spec.NetworkOf != "":
		host.NetworkMode = container.NetworkMode("container:" + spec.NetworkOf)
	case spec.HostNetwork:
		host.NetworkMode = "host"
	case spec.Network != "":
		host.NetworkMode = container.NetworkMode(spec.Network)
		out.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			spec.Network: {Aliases: spec.Aliases},
		}}
	case len(spec.Aliases) > 0:
		return errors.New("aliases need a network")
	}
	return nil
}

// portMap refuses an empty HostIP: the engines would publish on every interface. That is what podman has to be told
// where every interface is meant: of 0.0.0.0 it makes a rule for that address alone (netavark 1.4), which nobody
// calls. It then publishes on addresses of both kinds, as far as the container's network has them.
func portMap(kind Kind, ports []Port) (network.PortMap, network.PortSet, error) {
	bindings, exposed := network.PortMap{}, network.PortSet{}
	for _, p := range ports {
		ip, err := netip.ParseAddr(p.HostIP)
		if err != nil {
			return nil, nil, fmt.Errorf("publish port %d: HostIP %q is not an address", p.Container, p.HostIP)
		}
		port, ok := network.PortFrom(p.Container, cmp.Or(network.IPProtocol(p.Protocol), network.TCP))
		if !ok || p.Container == 0 {
			return nil, nil, fmt.Errorf("publish port %d: it is not a port of %s", p.Container, cmp.Or(p.Protocol, "TCP"))
		}
		host := ""
		if p.Host != 0 {
			host = strconv.Itoa(int(p.Host))
		}
		exposed[port] = struct{}{}
		everywhere := network.PortBinding{HostPort: host}
		switch {
		case slices.Contains(bindings[port], everywhere):
		case kind == Podman && ip.IsUnspecified():
			bindings[port] = append(slices.DeleteFunc(bindings[port], func(b network.PortBinding) bool {
				return b.HostPort == host
			}), everywhere)
		default:
			bindings[port] = append(bindings[port], network.PortBinding{HostIP: ip, HostPort: host})
		}
	}
	return bindings, exposed, nil
}

// within tells whether p is dir or below it.
func within(p, dir string) bool {
	for ; p != "/" && p != "."; p = path.Dir(p) {
		if p == path.Clean(dir) {
			return true
		}
	}
	return path.Clean(dir) == "/"
}

// EnvList gives variables as the engines take them, NAME=value, sorted.
func EnvList(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}
