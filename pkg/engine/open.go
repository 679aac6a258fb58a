package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/moby/moby/client"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/trace"
)

// open opens one engine, or says why it cannot be used.
func open(ctx context.Context, o Options, kind Kind) (*Engine, error) {
	e, err := connect(ctx, o, kind)
	if err != nil {
		return nil, err
	}
	if err := e.verify(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if e.service != nil { // whose directory is there from now on, whatever is asked for
		if err := e.Guard(); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

// connect finds an engine's program and endpoint. For docker, it also makes sure that something answers.
func connect(ctx context.Context, o Options, kind Kind) (*Engine, error) {
	program := o.look(string(kind))
	if program == "" {
		return nil, fmt.Errorf("there is no program %q in PATH", kind)
	}
	e := &Engine{
		opts: o, info: Info{Kind: kind},
		cli: commandLine{runner: o.Runner, kind: kind, program: program}, recorder: trace.From(ctx),
	}
	if kind == Podman {
		return e, e.connectPodman(ctx, o)
	}
	return e, e.connectDocker(ctx, o)
}

func (e *Engine) connectDocker(ctx context.Context, o Options) error {
	a, err := dockerAddress(o.Getenv)
	if err != nil {
		return err
	}
	if err := a.check(o.Getenv); err != nil {
		return err
	}
	e.info.Endpoint, e.at = a.url, a
	e.cli.global = []string{"--host", a.url}
	e.cli.env = unsteered(os.Environ())
	if e.api, err = newClient(a.url); err != nil {
		return mislead(a.undo, fmt.Errorf("use %s: %w", a, err))
	}
	err = e.negotiate(ctx, a)
	if err == nil {
		return nil
	}
	if disguise := e.genuine(ctx); disguise != nil {
		return disguise // there is no daemon of docker's to look for
	}
	return err
}

// negotiate asks for a sign of life, so that an engine that is absent or too old gets a clear reason.
func (e *Engine) negotiate(ctx context.Context, a address) error {
	if _, err := e.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return a.silent(err)
	}
	e.info.APIVersion = e.api.ClientVersion()
	return nil
}

// genuine refuses a program docker that is podman under another name (the package podman-docker, a link, a script):
// it would be the same engine twice. Docker's own says "Docker version 28.2.2, build e6534b4".
func (e *Engine) genuine(ctx context.Context) error {
	res, err := e.cli.runner.Run(ctx, e.cli.bare("--version"))
	said, _, _ := strings.Cut(strings.TrimSpace(res.Stdout), "\n")
	if err != nil || strings.HasPrefix(said, "Docker version") {
		return nil //nolint:nilerr // what else it says is told by what it does next
	}
	return disguised(fmt.Errorf("%s is not docker, it says %q", e.cli.program, said))
}

// disguised is a docker that is podman.
func disguised(err error) error {
	return &settingError{err: err, remedy: "set POSTSTACK_ENGINE=podman, or install docker itself", disguise: true}
}

// connectPodman honours CONTAINER_HOST; without it the API is a service of our own. CONTAINER_CONNECTION would turn
// podman into a client of some other service, which has no `system service`.
func (e *Engine) connectPodman(ctx context.Context, o Options) error {
	if host := o.Getenv("CONTAINER_HOST"); host != "" {
		a := address{url: host, source: "CONTAINER_HOST", undo: "unset CONTAINER_HOST"}
		if err := a.check(o.Getenv); err != nil {
			return err
		}
		var err error
		e.info.Endpoint = host
		e.cli.global = []string{"--remote", "--url", host}
		if e.api, err = newClient(host); err != nil {
			return mislead(a.undo, fmt.Errorf("use %s: %w", a, err))
		}
		return e.negotiate(ctx, a)
	}
	if name := o.Getenv("CONTAINER_CONNECTION"); name != "" {
		return mislead("unset it, or name the socket with CONTAINER_HOST",
			fmt.Errorf("CONTAINER_CONNECTION=%s makes podman the client of another service", name))
	}
	return e.startPrivate(ctx, o)
}

// startPrivate points the API client at a service that starts with the first call.
func (e *Engine) startPrivate(ctx context.Context, o Options) error {
	if err := enoughFiles(); err != nil {
		return err
	}
	dir := cmp.Or(o.RuntimeDir, o.Getenv("XDG_RUNTIME_DIR"), os.TempDir())
	s, err := newService(ctx, e.cli, dir)
	if err != nil {
		return err
	}
	e.service, e.info.Endpoint = s, "unix://"+s.socket
	e.api, err = newClient(e.info.Endpoint, client.WithDialContext(s.dial))
	if err != nil {
		return errors.Join(fmt.Errorf("use %q: %w", e.info.Endpoint, err), os.RemoveAll(s.dir))
	}
	return nil
}

// oneLine is an error's text on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// look finds a program in the PATH of the environment given.
func (o Options) look(program string) string { return runner.Look(program, o.Getenv("PATH")) }
