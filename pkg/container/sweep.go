package container

import (
	"context"
	"errors"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/session"
)

// Sweep removes the disposable containers, networks and volumes whose owner is dead, of every stack on this engine. It
// returns their names.
func Sweep(ctx context.Context, e Engine) ([]string, error) {
	var swept []string
	var problems []error
	containers, err := e.ContainerList(ctx, map[string]string{LabelDisposable: "true"})
	problems = append(problems, err)
	for _, c := range containers {
		if session.Alive(c.Labels[LabelSession]) {
			continue
		}
		if err := e.ContainerRemove(ctx, c.ID); err != nil {
			problems = append(problems, err)
			continue
		}
		swept = append(swept, c.Name)
	}
	networks, err := e.NetworkList(ctx, map[string]string{LabelDisposable: "true"})
	problems = append(problems, err)
	for _, n := range networks {
		if session.Alive(n.Labels[LabelSession]) {
			continue
		}
		if err := e.NetworkRemove(ctx, n.Name); err != nil && !errors.Is(err, engine.ErrNotFound) {
			problems = append(problems, err)
			continue
		}
		swept = append(swept, n.Name)
	}
	volumes, err := e.VolumeList(ctx, map[string]string{LabelDisposable: "true"})
	problems = append(problems, err)
	for _, v := range volumes {
		if session.Alive(v.Labels[LabelSession]) {
			continue
		}
		if err := e.VolumeRemove(ctx, v.Name); err != nil && !errors.Is(err, engine.ErrNotFound) {
			problems = append(problems, err)
			continue
		}
		swept = append(swept, v.Name)
	}
	return swept, errors.Join(problems...)
}
