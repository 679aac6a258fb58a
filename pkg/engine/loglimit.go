package engine

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// What a long-lived container may log before its first lines are dropped, unless the engine is set up to limit it:
// docker keeps several files, podman begins a single one anew. Without a limit, strangers who try passwords or names
// at a public server fill the disk in months.
const (
	dockerLogSize, dockerLogFiles = "20m", "5"
	podmanLogSize                 = "50mb"
)

// create makes a container. That of a long-lived one has a limited log.
func (e *Engine) create(
	ctx context.Context, spec ContainerSpec, options client.ContainerCreateOptions,
) (ContainerID, error) {
	if spec.KeepUp && e.info.Kind == Podman && !e.limitsLogs() {
		// A driver that keeps no file, such as journald, takes no notice of it.
		options.HostConfig.LogConfig.Config = map[string]string{"max-size": podmanLogSize}
	}
	res, err := e.api.ContainerCreate(ctx, options)
	if err != nil || !spec.KeepUp || e.info.Kind != Docker {
		return ContainerID(res.ID), err
	}
	// Docker tells only of a container which driver and options its daemon is set up with.
	made, err := e.api.ContainerInspect(ctx, res.ID, client.ContainerInspectOptions{})
	if err == nil {
		log := made.Container.HostConfig.LogConfig
		if log.Type != readableLog || log.Config["max-size"] != "" {
			return ContainerID(res.ID), nil
		}
	}
	if removed := e.removeAfter(ctx, ContainerID(res.ID)); err != nil || removed != nil {
		return "", errors.Join(err, removed)
	}
	options.HostConfig.LogConfig = container.LogConfig{
		Type: readableLog, Config: map[string]string{"max-size": dockerLogSize, "max-file": dockerLogFiles},
	}
	res, err = e.api.ContainerCreate(ctx, options)
	return ContainerID(res.ID), err
}

// limitsLogs tells whether podman is set up to limit logs itself.
func (e *Engine) limitsLogs() bool {
	return slices.ContainsFunc(confFiles(e.opts.Getenv), func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		theirs, err := parseConf(string(text))
		if err != nil {
			return false
		}
		containers, _ := theirs["containers"].(map[string]any)
		return containers["log_size_max"] != nil
	})
}
