package container

import (
	"context"
	"errors"

	"github.com/poststack/poststack/pkg/session"
)

// Leftovers names what [Sweep] would remove: disposable things whose owner is dead.
func Leftovers(ctx context.Context, e Engine) ([]string, error) {
	label := map[string]string{LabelDisposable: "true"}
	containers, err := e.ContainerList(ctx, label)
	networks, errN := e.NetworkList(ctx, label)
	volumes, errV := e.VolumeList(ctx, label)
	var names []string
	note := func(name, owner string) {
		if !session.Alive(owner) {
			names = append(names, name)
		}
	}
	for _, c := range containers {
		note(c.Name, c.Labels[LabelSession])
	}
	for _, n := range networks {
		note(n.Name, n.Labels[LabelSession])
	}
	for _, v := range volumes {
		note(v.Name, v.Labels[LabelSession])
	}
	return names, errors.Join(err, errN, errV)
}
