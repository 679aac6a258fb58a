package container

import (
	"context"
	"errors"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/session"
)

// leftover is a disposable thing whose owner is dead.
type leftover struct {
	name   string
	remove func() error
}

// leftovers lists the disposable containers, networks and volumes whose owner is dead, of every stack on this engine,
// in the order in which they can be removed. An error tells of what could not be listed.
func leftovers(ctx context.Context, e Engine) (found []leftover, err error) {
	label := map[string]string{LabelDisposable: "true"}
	note := func(name string, labels map[string]string, remove func() error) {
		if !session.Alive(labels[LabelSession]) {
			found = append(found, leftover{name, remove})
		}
	}
	containers, err := e.ContainerList(ctx, label)
	for _, c := range containers {
		note(c.Name, c.Labels, func() error { return e.ContainerRemove(ctx, c.ID) })
	}
	networks, errN := e.NetworkList(ctx, label)
	for _, n := range networks {
		note(n.Name, n.Labels, func() error { return e.NetworkRemove(ctx, n.Name) })
	}
	volumes, errV := e.VolumeList(ctx, label)
	for _, v := range volumes {
		note(v.Name, v.Labels, func() error { return e.VolumeRemove(ctx, v.Name) })
	}
	return found, errors.Join(err, errN, errV)
}

// Leftovers names what [Sweep] would remove.
func Leftovers(ctx context.Context, e Engine) (names []string, err error) {
	found, err := leftovers(ctx, e)
	for _, l := range found {
		names = append(names, l.name)
	}
	return names, err
}

// Sweep removes the disposable containers, networks and volumes whose owner is dead, of every stack on this engine, and
// goes on after a failure. It returns their names.
func Sweep(ctx context.Context, e Engine) (swept []string, err error) {
	found, err := leftovers(ctx, e)
	for _, l := range found {
		if failed := l.remove(); failed != nil && !errors.Is(failed, engine.ErrNotFound) {
			err = errors.Join(err, failed)
			continue
		}
		swept = append(swept, l.name)
	}
	return swept, err
}
