package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
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
	return e, nil
}

// connect finds an engine's program and endpoint. For docker, it also makes sure that something answers.
func connect(ctx context.Context, o Options, kind Kind) (*Engine, error) {
	program := o.look(string(kind))
	if program == "" {
		return nil, fmt.Errorf("there is no program %q in PATH", kind)
	}
	e := &Engine{opts: o, info: Info{Kind: kind}, cli: commandLine{runner: o.Runner, kind: kind, program: program}, recorder: trace.From(ctx)}
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
	e.info.Endpoint = a.url
	e.cli.global = []string{"--host", a.url}
	if e.api, err = newClient(a.url); err != nil {
		return fmt.Errorf("use %q: %w", a.url, err)
	}
	return e.negotiate(ctx)
}

// negotiate asks for a sign of life, so that an engine that is absent or too old gets a clear reason.
func (e *Engine) negotiate(ctx context.Context) error {
	if _, err := e.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return fmt.Errorf("%s does not answer: %w", e.info.Endpoint, err)
	}
	e.info.APIVersion = e.api.ClientVersion()
	return nil
}

// connectPodman honours CONTAINER_HOST; without it the API is a service of our own.
func (e *Engine) connectPodman(ctx context.Context, o Options) error {
	if host := o.Getenv("CONTAINER_HOST"); host != "" {
		a := address{url: host, source: "CONTAINER_HOST"}
		if err := a.check(o.Getenv); err != nil {
			return err
		}
		var err error
		e.info.Endpoint = host
		e.cli.global = []string{"--remote", "--url", host}
		if e.api, err = newClient(host); err != nil {
			return fmt.Errorf("use %q: %w", host, err)
		}
		return nil
	}
	return e.startPrivate(ctx, o)
}

// startPrivate points the API client at a service that starts with the first call.
func (e *Engine) startPrivate(ctx context.Context, o Options) error {
	dir := o.RuntimeDir
	if dir == "" {
		dir = o.Getenv("XDG_RUNTIME_DIR")
	}
	if dir == "" {
		dir = os.TempDir()
	}
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

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// oneLine is an error's text on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// look finds a program in the PATH of the environment given.
func (o Options) look(program string) string { return runner.Look(program, o.Getenv("PATH")) }
