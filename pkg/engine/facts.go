package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/client"
)

// facts is what is learned of an engine once and remembered: asking podman costs a second on Debian.
type facts struct {
	Version       string
	APIVersion    string
	Rootless      bool
	StorageDriver string
	GraphRoot     string   `json:",omitempty"` // where its store is
	Buildx        bool     `json:",omitempty"` // docker: BuildKit can be used
	Workarounds   []string `json:",omitempty"` // names of [workaround]s in force
}

// verify makes sure that the engine really works, or takes the word of an earlier probe.
func (e *Engine) verify(ctx context.Context) error {
	key, err := e.cacheKey(ctx)
	if err != nil {
		return err
	}
	if f, ok := e.opts.recall(e.info.Kind, key); ok {
		return e.adopt(f)
	}
	e.opts.Report.Step("checking that " + string(e.info.Kind) + " can run, publish and build")
	f, err := e.establish(ctx)
	if err != nil {
		return err
	}
	return e.opts.remember(e.info.Kind, key, f)
}

// establish probes the engine and adds one workaround after the other, as its errors ask for them. Only an
// engine that we start ourselves can be given any.
func (e *Engine) establish(ctx context.Context) (facts, error) {
	all := workarounds(func() string { return e.opts.look("runc") })
	var names []string
	for {
		f, err := e.try(ctx, names)
		if err == nil {
			return f, nil
		}
		if ctx.Err() != nil {
			return facts{}, err
		}
		if e.service == nil && e.opts.remedyFor(err) == "" {
			return facts{}, mislead("it answers, so mend its own settings; the daemon's log tells more", err)
		}
		if e.service == nil {
			return facts{}, err
		}
		w, ok := nextWorkaround(all, names, err)
		if !ok {
			return facts{}, explained(err, e.facts.Rootless)
		}
		e.opts.Report.Notice("podman needs a workaround: " + w.text)
		names = append(names, w.name)
	}
}

// explained adds what is known of a failure that no workaround helps.
func explained(err error, rootless bool) error {
	if rootless && strings.Contains(err.Error(), "/dev/net/tun") {
		return errors.Join(errors.New("rootless networks need /dev/net/tun, which this user cannot open"), err)
	}
	return err
}

// try puts the workarounds in force, asks the engine about itself and probes it.
func (e *Engine) try(ctx context.Context, names []string) (facts, error) {
	f := facts{Workarounds: slices.Clone(names)}
	var err error
	if e.info.Kind == Podman {
		if f.Version, err = e.podmanVersion(ctx); err != nil {
			return f, err
		}
	}
	if err := e.adopt(f); err != nil {
		return f, err
	}
	if e.info.Kind == Podman {
		err = e.learnPodman(ctx, &f)
	} else {
		err = e.learnDocker(ctx, &f)
	}
	if err != nil {
		return f, err
	}
	if err := e.negotiate(ctx, address{url: e.info.Endpoint}); err != nil {
		return f, err
	}
	f.APIVersion = e.info.APIVersion
	if err := e.adopt(f); err != nil {
		return f, err
	}
	return f, e.probe(ctx)
}

// adopt puts what is known into force: podman's configuration for its command line and its service.
func (e *Engine) adopt(f facts) error {
	e.facts = f
	e.info.Version, e.info.Rootless, e.info.StorageDriver, e.info.StoreDir = f.Version, f.Rootless, f.StorageDriver,
		f.GraphRoot
	if f.APIVersion != "" {
		e.info.APIVersion = f.APIVersion
	}
	e.cli.buildx = f.Buildx
	if e.service == nil {
		return nil
	}
	own := baseSettings()
	e.info.Workarounds = nil
	for _, w := range workarounds(func() string { return e.opts.look("runc") }) {
		if slices.Contains(f.Workarounds, w.name) {
			w.apply(own)
			e.info.Workarounds = append(e.info.Workarounds, w.text)
		}
	}
	variable, err := writeConf(e.opts, own, f.Version)
	if err != nil {
		return err
	}
	e.cli.env, e.cli.dir = []string{variable}, "/"
	if written(f.GraphRoot) { // no container outlives its store
		e.cli.dir = f.GraphRoot
	}
	e.service.use(e.cli)
	return nil
}

// podmanVersion reads "podman version 4.3.1", which is printed before podman looks at anything.
func (e *Engine) podmanVersion(ctx context.Context) (string, error) {
	res, err := e.cli.runner.Run(ctx, e.cli.bare("--version"))
	if err != nil {
		return "", fmt.Errorf("ask podman for its version: %w", err)
	}
	words := strings.Fields(res.Stdout)
	if len(words) < 3 {
		return "", fmt.Errorf("ask podman for its version: it says %q", strings.TrimSpace(res.Stdout))
	}
	return words[2], nil
}

// learnPodman asks the command line, since the API's own answer lacks the version of the engine.
func (e *Engine) learnPodman(ctx context.Context, f *facts) error {
	res, err := e.cli.run(ctx, "info", "--format", "json")
	if err != nil {
		return fmt.Errorf("ask podman about itself: %w", err)
	}
	var answer struct {
		Host  struct{ Security struct{ Rootless bool } }
		Store struct {
			GraphDriverName, GraphRoot string
			GraphOptions               map[string]any
		}
		Version struct{ Version string }
	}
	if err := json.Unmarshal([]byte(res.Stdout), &answer); err != nil {
		return fmt.Errorf("read what podman says about itself: %w", err)
	}
	f.Version, f.Rootless = answer.Version.Version, answer.Host.Security.Rootless
	f.StorageDriver, f.GraphRoot = answer.Store.GraphDriverName, answer.Store.GraphRoot
	if _, program := answer.Store.GraphOptions["overlay.mount_program"]; program {
		f.StorageDriver = "fuse-overlayfs" // podman calls it overlay, too
	}
	return nil
}

// learnDocker asks the daemon (2 ms), and the client whether it has buildx: without it, the client builds
// with the classic builder, and only when told so.
func (e *Engine) learnDocker(ctx context.Context, f *facts) error {
	if err := e.genuine(ctx); err != nil {
		return err
	}
	res, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return fmt.Errorf("ask docker about itself: %w", err)
	}
	f.Version, f.StorageDriver, f.GraphRoot = res.Info.ServerVersion, res.Info.Driver, res.Info.DockerRootDir
	for _, o := range res.Info.SecurityOptions {
		f.Rootless = f.Rootless || strings.HasPrefix(o, "name=rootless")
	}
	_, err = e.cli.run(ctx, "buildx", "version")
	f.Buildx = err == nil
	return context.Cause(ctx)
}
