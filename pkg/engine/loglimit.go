package engine

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"

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
	if !spec.KeepUp {
		return e.createAsIs(ctx, options)
	}
	if e.info.Kind == Docker {
		return e.createLimited(ctx, options)
	}
	if !e.limitsLogs() {
		// A driver that keeps no file, such as journald, takes no notice of it.
		options.HostConfig.LogConfig.Config = map[string]string{"max-size": podmanLogSize}
	}
	return e.createAsIs(ctx, options)
}

func (e *Engine) createAsIs(ctx context.Context, options client.ContainerCreateOptions) (ContainerID, error) {
	res, err := e.api.ContainerCreate(ctx, options)
	return ContainerID(res.ID), err
}

// dockerLog is how docker's daemon keeps the log of a container that says nothing of it.
type dockerLog struct {
	mu      sync.Mutex
	asked   bool
	limited bool
}

// createLimited makes a container on docker, which tells only of a container which driver and options its daemon is set
// up with: so the first one is made twice if they have no limit.
func (e *Engine) createLimited(ctx context.Context, options client.ContainerCreateOptions) (ContainerID, error) {
	log := &e.dockerLog
	log.mu.Lock()
	defer log.mu.Unlock()
	if !log.asked {
		id, err := e.createAsIs(ctx, options)
		if err != nil {
			return "", err
		}
		made, err := e.api.ContainerInspect(ctx, string(id), client.ContainerInspectOptions{})
		if err == nil {
			set := made.Container.HostConfig.LogConfig
			log.asked, log.limited = true, set.Type != readableLog || set.Config["max-size"] != ""
		}
		if log.limited {
			return id, nil
		}
		if removed := e.removeAfter(ctx, id); err != nil || removed != nil {
			return "", errors.Join(err, removed)
		}
	}
	if !log.limited {
		options.HostConfig.LogConfig = container.LogConfig{
			Type: readableLog, Config: map[string]string{"max-size": dockerLogSize, "max-file": dockerLogFiles},
		}
	}
	return e.createAsIs(ctx, options)
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
