package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/image"
)

// probeInterval is how often a service that starts is asked.
const probeInterval = 25 * time.Millisecond

// InOrder does something for each service once it is done for those that it needs; what need not wait goes side by side.
// Needs that are not among names count as met. The first failure ends it.
func InOrder(ctx context.Context, names []string, needs func(string) []string, do func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	done := map[string]chan struct{}{}
	for _, name := range names {
		done[name] = make(chan struct{})
	}
	for _, name := range names {
		group.Go(func() error {
			for _, need := range needs(name) {
				if done[need] == nil {
					continue
				}
				select {
				case <-done[need]:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			err := do(ctx, name)
			if err == nil {
				close(done[name])
			}
			return err
		})
	}
	return group.Wait()
}

// Await waits until every health check of a service answers in its container, in order.
func (r Runner) Await(ctx context.Context, d image.Service, id engine.ContainerID) error {
	place := Place{
		Inspect: func(ctx context.Context) (engine.Container, error) { return r.Engine.ContainerInspect(ctx, string(id)) },
		Alive:   Alive(r.Engine, id),
		Exec: func(ctx context.Context, user string, command []string) (engine.ExecResult, error) {
			return r.Engine.ContainerExec(ctx, id, engine.ExecSpec{Command: command, User: user})
		},
	}
	for _, check := range d.Health {
		p, err := place.Prober(ctx, check)
		if err == nil {
			err = health.Wait(ctx, p, health.Options{Interval: probeInterval, Alive: place.Alive, Final: Final})
		}
		if err != nil {
			return err
		}
	}
	return place.Alive(ctx)
}

// Reload has a service that runs take a changed configuration.
func (r Runner) Reload(ctx context.Context, how image.Reload, id engine.ContainerID) error {
	if how.Signal != "" {
		return r.Engine.ContainerKill(ctx, id, how.Signal)
	}
	res, err := r.Engine.ContainerExec(ctx, id, engine.ExecSpec{Command: how.Run})
	if err == nil && res.Code != 0 {
		err = errors.New(Ending(res))
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", CommandText(how.Run), err)
	}
	return nil
}
