// Package engine drives podman and docker through one implementation: the Docker Engine API for everything
// but builds, which go through the engine's own command line. Podman answers that API from a private
// `podman system service`, started with the first call and ended by [Engine.Close].
//
// What differs between the two stands in one place each: how to reach them (endpoint.go, service.go), what
// makes podman work on this machine (conf.go, probe.go), and how their builders speak (dialect.go).
package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/moby/moby/client"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/trace"
)

// Options say which engine to open and what it may use.
type Options struct {
	Want   string              // auto, podman or docker; "" is auto
	Runner runner.Runner       // runs the engine's command line; nil is [runner.Exec]
	Getenv func(string) string // the environment; required
	// a file with the names of volumes to remove when this process dies, one a line; need not be there
	Volumes    string
	CacheDir   string // remembers what the probe found and holds podman's configuration; required
	RuntimeDir string // where podman's socket goes; "" is XDG_RUNTIME_DIR, or else the temporary directory
	Report     event.Reporter
	Secrets    *secret.Set // masked in errors; may be nil
}

// Engine is an engine that works. It is safe for concurrent use.
type Engine struct {
	info    Info
	at      address // of docker
	opts    Options
	api     *client.Client
	cli     commandLine
	facts   facts
	service *service // of podman; nil for an engine that runs by itself

	watchdog  watchdog
	dockerLog dockerLog
	recorder  *trace.Recorder // of programs that run beside the calls; nil records none
}

// Open returns the engine to use. "auto" takes the first that works, podman before docker; a DOCKER_HOST or
// a docker context that the user has set puts docker first. An engine works when [Status] says so: a tiny
// image was loaded, run, reached over a published port and built upon. That outcome is remembered in
// CacheDir per machine and engine version.
//
// When none works the error is an [*UnusableError].
func Open(ctx context.Context, o Options) (*Engine, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	unusable := &UnusableError{}
	for _, kind := range o.order() {
		e, err := open(ctx, o, kind)
		if err == nil {
			o.warnOverridden(unusable.Rejected)
			return e, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open engine %q: %w", kind, context.Cause(ctx))
		}
		unusable.Rejected = append(unusable.Rejected, o.reject(kind, err))
	}
	return nil, unusable
}

// complete checks o and fills in what is left to this package.
func (o Options) complete() (Options, error) {
	o.Want = cmp.Or(o.Want, "auto")
	if !slices.Contains([]string{"auto", string(Podman), string(Docker)}, o.Want) {
		return o, fmt.Errorf("open engine %q: it is none of auto, podman, docker", o.Want)
	}
	if o.Getenv == nil || o.CacheDir == "" {
		return o, fmt.Errorf("open engine %q: Getenv and CacheDir are required", o.Want)
	}
	if o.Runner == nil {
		o.Runner = runner.Exec{Secrets: o.Secrets}
	}
	return o, nil
}

// order lists the engines to try.
func (o Options) order() []Kind {
	if o.Want != "auto" {
		return []Kind{Kind(o.Want)}
	}
	return Order(o.Getenv)
}

// Order is that in which "auto" tries the engines.
func Order(getenv func(string) string) []Kind {
	if getenv("CONTAINER_HOST") == "" && (getenv("DOCKER_HOST") != "" || getenv("DOCKER_CONTEXT") != "") {
		return []Kind{Docker, Podman}
	}
	return []Kind{Podman, Docker}
}

// warnOverridden tells the user whose DOCKER_HOST or CONTAINER_HOST was passed over, since what was chosen
// instead is another machine's or another store's engine.
func (o Options) warnOverridden(rejected []Rejection) {
	set := map[Kind]string{
		Docker: o.Getenv("DOCKER_HOST") + o.Getenv("DOCKER_CONTEXT"), Podman: o.Getenv("CONTAINER_HOST"),
	}
	for _, r := range rejected {
		if set[r.Kind] != "" {
			o.Report.Warn(fmt.Sprintf("%s is not used: %s", r.Kind, r.Reason))
		}
	}
}

// Info tells what is known of the engine.
func (e *Engine) Info() Info { return e.info }

// Endpoint returns the API's address for a client of the caller's own, and makes sure that something
// answers there until [Engine.Close].
func (e *Engine) Endpoint(ctx context.Context) (string, error) {
	if e.service != nil {
		if _, err := e.service.ensure(ctx); err != nil {
			return "", err
		}
	}
	return e.info.Endpoint, nil
}

// Close ends what was started: podman's private service and the watchdog. Containers go on.
func (e *Engine) Close() error {
	err := e.api.Close()
	e.watchdog.close()
	if e.service != nil {
		e.service.close()
	}
	return err
}
