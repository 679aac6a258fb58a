package container

import (
	"context"
	"errors"
	"slices"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/session"
)

// Sweep removes the disposable containers, networks and volumes whose owner is dead, of every stack on this engine. It
// returns their names.
func Sweep(ctx context.Context, e Engine) ([]string, error) {
	disposable := map[string]string{LabelDisposable: "true"}
	containers, listed := e.ContainerList(ctx, disposable)
	swept, err := sweep(containers, listed,
		func(c engine.Container) (name, owner string) { return c.Name, c.Labels[LabelSession] },
		func(c engine.Container) error { return e.ContainerRemove(ctx, c.ID) })
	networks, listed := e.NetworkList(ctx, disposable)
	sweptNetworks, networkErr := sweep(networks, listed,
		func(n engine.Network) (name, owner string) { return n.Name, n.Labels[LabelSession] },
		func(n engine.Network) error { return e.NetworkRemove(ctx, n.Name) })
	volumes, listed := e.VolumeList(ctx, disposable)
	sweptVolumes, volumeErr := sweep(volumes, listed,
		func(v engine.Volume) (name, owner string) { return v.Name, v.Labels[LabelSession] },
		func(v engine.Volume) error { return e.VolumeRemove(ctx, v.Name) })
	return slices.Concat(swept, sweptNetworks, sweptVolumes), errors.Join(err, networkErr, volumeErr)
}

// sweep removes those of things whose owner is dead, and goes on after a failure. listed is what listing them said.
func sweep[T any](things []T, listed error, label func(T) (name, owner string), remove func(T) error) (swept []string, err error) {
	problems := []error{listed}
	for _, thing := range things {
		name, owner := label(thing)
		if session.Alive(owner) {
			continue
		}
		if err := remove(thing); err != nil && !errors.Is(err, engine.ErrNotFound) {
			problems = append(problems, err)
			continue
		}
		swept = append(swept, name)
	}
	return swept, errors.Join(problems...)
}
