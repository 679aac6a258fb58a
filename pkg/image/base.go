package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

// Base is the image that another one stands on.
type Base struct {
	Ref    engine.Ref
	ID     engine.ImageID
	Digest string // of its manifest, "sha256:…"; "" for an image that never was in a registry
}

// How long a registry has to deliver Debian, by default and where a bootstrapped one would do.
const (
	defaultPullTimeout = 30 * time.Second
	shortPullTimeout   = 10 * time.Second
)

// debian finds or makes the Debian image that the images without a parent stand on.
type debian struct {
	engine  Engine
	runner  runner.Runner
	suite   Suite
	cache   string
	timeout time.Duration // of a pull
	log     io.Writer
	host    host
	fresh   bool // what is in the store is used only when nothing newer can be had
}

// debian gives the resolver with the builder's settings.
func (b *Builder) debian(log io.Writer) debian {
	timeout := b.PullTimeout
	if timeout <= 0 {
		timeout = defaultPullTimeout
	}
	return debian{
		engine: b.Engine, runner: b.Runner, suite: b.Suite,
		cache: b.CacheDir, timeout: timeout, log: log, host: host{root: "/"},
	}
}

// official is the well-known image. Poststack reads it and never writes it.
func (d debian) official() engine.Ref {
	return engine.Ref("docker.io/library/debian:" + string(d.suite) + "-slim")
}

// own is the image that Poststack bootstraps where there is no registry.
func (d debian) own() engine.Ref {
	return engine.Ref(Repository + "/debian:" + string(d.suite) + "-slim")
}

// stored gives the Debian that is in the store: the official one, else our own, else the zero Base.
func (d debian) stored(ctx context.Context) (Base, error) {
	for _, ref := range []engine.Ref{d.official(), d.own()} {
		if base, err := inspectBase(ctx, d.engine, ref); err != nil || base.ID != "" {
			return base, err
		}
	}
	return Base{}, nil
}

// resolve gives a Debian to build on: the official image from the store, else from its registry, else the one
// bootstrapped earlier, else one bootstrapped now from the package sources of this machine. A fresh one is
// pulled or bootstrapped anew; the stored one then serves only where that does not succeed.
func (d debian) resolve(ctx context.Context, r event.Reporter) (Base, error) {
	official := d.official()
	stored, err := d.stored(ctx)
	if err != nil {
		return Base{}, err
	}
	if stored.Ref == official && !d.fresh {
		return stored, nil
	}
	if stored.ID != "" {
		d.timeout = min(d.timeout, shortPullTimeout)
	}
	base, pullErr := d.pull(ctx, official, r)
	if pullErr == nil {
		return base, nil
	}
	if context.Cause(ctx) != nil {
		return Base{}, pullErr
	}
	_, _ = fmt.Fprintf(d.log, "%v\n", pullErr)
	if stored.Ref == official || (stored.ID != "" && !d.fresh) {
		_, _ = fmt.Fprintf(d.log, "standing on %s of the local store\n", stored.Ref)
		return stored, nil
	}
	r.Step(fmt.Sprintf("no registry gives %s: bootstrapping Debian %s from this machine's package sources",
		official, d.suite))
	base, err = d.bootstrap(ctx, stored.ID, r)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return Base{}, fmt.Errorf("bootstrap debian %s: %w", d.suite, cause)
	}
	if err != nil && stored.ID != "" {
		r.Warn(fmt.Sprintf("no newer Debian %s than the one bootstrapped earlier: %v", d.suite, err))
		return stored, nil
	}
	if err != nil {
		return Base{}, fmt.Errorf(`no Debian %s to build on:
  registry: %w
  bootstrap: %w
either give the engine access to a registry that has debian:%[1]s-slim, or build on a Debian machine with mmdebstrap `+
			"(mage engine:install installs it)", d.suite, pullErr, err)
	}
	return base, nil
}

// pull tries to fetch the official image. A registry that does not answer may take no longer than timeout.
func (d debian) pull(ctx context.Context, ref engine.Ref, r event.Reporter) (Base, error) {
	r.Step("pulling " + string(ref))
	cause := fmt.Errorf("no answer within %s", d.timeout)
	pullCtx, cancel := context.WithTimeoutCause(ctx, d.timeout, cause)
	defer cancel()
	if err := d.engine.ImagePull(pullCtx, ref); err != nil {
		if errors.Is(context.Cause(pullCtx), cause) {
			err = fmt.Errorf("pull image %q: %w", ref, cause)
		}
		return Base{}, err
	}
	base, err := inspectBase(ctx, d.engine, ref)
	if err == nil && base.ID == "" {
		err = fmt.Errorf("pull image %q: it is not in the store afterwards", ref)
	}
	return base, err
}

// inspectBase describes ref, or gives the zero Base when the store does not have it.
func inspectBase(ctx context.Context, store Engine, ref engine.Ref) (Base, error) {
	img, err := store.ImageInspect(ctx, ref)
	if errors.Is(err, engine.ErrNotFound) {
		return Base{}, nil
	}
	if err != nil {
		return Base{}, err
	}
	return baseOf(ref, img), nil
}

func baseOf(ref engine.Ref, img engine.Image) Base {
	base := Base{Ref: ref, ID: img.ID}
	for _, d := range img.Digests {
		if _, digest, ok := strings.Cut(string(d), "@"); ok {
			base.Digest = digest
		}
	}
	return base
}
