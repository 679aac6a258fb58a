package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moby/moby/client"
)

// facts is what is learned of an engine once and remembered: asking podman costs a second on Debian.
type facts struct {
	Version       string
	Rootless      bool
	StorageDriver string
	GraphRoot     string   `json:",omitempty"` // podman: where its store is
	Buildx        bool     `json:",omitempty"` // docker: BuildKit can be used
	Workarounds   []string // names of [workaround]s in force
}

// learnPodman asks the command line, since the API's own answer lacks the version of the engine.
func (e *Engine) learnPodman(ctx context.Context) (facts, error) {
	res, err := e.cli.run(ctx, "info", "--format", "json")
	if err != nil {
		return facts{}, fmt.Errorf("ask podman about itself: %w", err)
	}
	var answer struct {
		Host    struct{ Security struct{ Rootless bool } }
		Store   struct{ GraphDriverName, GraphRoot string }
		Version struct{ Version string }
	}
	if err := json.Unmarshal([]byte(res.Stdout), &answer); err != nil {
		return facts{}, fmt.Errorf("read what podman says about itself: %w", err)
	}
	return facts{
		Version: answer.Version.Version, Rootless: answer.Host.Security.Rootless,
		StorageDriver: answer.Store.GraphDriverName, GraphRoot: answer.Store.GraphRoot,
	}, nil
}

// learnDocker asks the daemon: 2 ms.
func (e *Engine) learnDocker(ctx context.Context) (facts, error) {
	info, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return facts{}, fmt.Errorf("ask docker about itself: %w", err)
	}
	f := facts{Version: info.Info.ServerVersion, StorageDriver: info.Info.Driver}
	for _, o := range info.Info.SecurityOptions {
		f.Rootless = f.Rootless || o == "name=rootless"
	}
	// Without buildx the client builds with the classic builder, and only when told so.
	_, err = e.cli.run(ctx, "buildx", "version")
	f.Buildx = err == nil
	return f, ctx.Err()
}

// hostAddress spells "host-gateway" for the engine.
func (e *Engine) hostAddress(address string) string { return address }

// verify makes sure that the engine really works.
func (e *Engine) verify(ctx context.Context) error {
	var err error
	if e.info.Kind == Podman {
		e.facts, err = e.learnPodman(ctx)
	} else {
		e.facts, err = e.learnDocker(ctx)
	}
	if err != nil {
		return err
	}
	e.info.Version, e.info.Rootless, e.info.StorageDriver = e.facts.Version, e.facts.Rootless, e.facts.StorageDriver
	e.cli.buildx = e.facts.Buildx
	return nil
}
