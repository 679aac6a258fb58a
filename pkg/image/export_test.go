package image

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

// Stage makes the staging of one image testable by itself.
func (c *Catalogue) Stage(name string, artifacts map[string]string, dir string) error {
	return c.stage(name, "bookworm", artifacts, dir)
}

// Fetcher makes fetching testable by itself, without its waits.
type Fetcher struct {
	Cache, Local string
	Runner       runner.Runner
	Stall        time.Duration // instead of the usual one
}

func (f Fetcher) Fetch(ctx context.Context, a Artifact) (map[string]string, error) {
	inner := fetcher{
		cache: f.Cache, local: f.Local, runner: f.Runner, log: io.Discard,
		delay: time.Millisecond, stall: cmp.Or(f.Stall, stallTimeout),
	}
	return inner.fetch(ctx, Definition{Artifacts: []Artifact{a}}, event.Reporter{})
}

// Debian makes the search for a base testable with the package sources of a made-up machine.
type Debian struct {
	Engine  Engine
	Runner  runner.Runner
	Suite   Suite
	Cache   string
	Root    string
	Timeout time.Duration
	Fresh   bool
}

func (d Debian) inner() debian {
	return debian{
		engine: d.Engine, runner: d.Runner, suite: d.Suite, cache: d.Cache, timeout: d.Timeout,
		log: io.Discard, host: host{root: d.Root}, fresh: d.Fresh,
	}
}

func (d Debian) Resolve(ctx context.Context, r event.Reporter) (Base, error) {
	return d.inner().resolve(ctx, r)
}

func (d Debian) Sources() ([]string, error) { return d.inner().host.sources(d.Suite) }

// ProxyEnvironment makes what apt's settings become testable by itself.
func ProxyEnvironment(settings []string) (open, env []string, err error) {
	return proxyEnvironment(settings)
}
