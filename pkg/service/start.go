package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/image"
)

// probeInterval is how often a service that starts is asked.
const probeInterval = 25 * time.Millisecond

// InOrder does something for each service once it is done for those that it needs; what need not wait goes side by
// side. Needs that are not among names count as met. do may call met before it returns: others then need not wait for
// the rest of it. The first failure ends it.
func InOrder(
	ctx context.Context, names []string, needs func(string) []string,
	do func(ctx context.Context, name string, met func()) error,
) error {
	group, ctx := errgroup.WithContext(ctx)
	done, met := map[string]chan struct{}{}, map[string]func(){}
	for _, name := range names {
		done[name] = make(chan struct{})
		met[name] = sync.OnceFunc(func() { close(done[name]) })
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
			err := do(ctx, name, met[name])
			if err == nil {
				met[name]()
			}
			return err
		})
	}
	return group.Wait()
}

// Await waits until every health check of a service answers in its container: first what a connection asks, then what
// takes a process in the container, which is dear to ask of one that does not listen yet. c is the container as it was
// just now.
func (r Runner) Await(ctx context.Context, d image.Service, c engine.Container) error {
	place := Place{
		Inspect: func(context.Context) (engine.Container, error) { return c, nil },
		Alive:   Alive(r.Engine, c.ID),
		Exec: func(ctx context.Context, user string, command []string) (engine.ExecResult, error) {
			return r.Engine.ContainerExec(ctx, c.ID, engine.ExecSpec{Command: command, User: user})
		},
	}
	var connections, processes []image.Check
	for _, check := range d.Health {
		if check.Exec == nil {
			connections = append(connections, check)
		} else {
			processes = append(processes, check)
		}
	}
	for _, checks := range [][]image.Check{connections, processes} {
		if err := place.awaitAll(ctx, checks); err != nil {
			return err
		}
	}
	return place.Alive(ctx)
}

// awaitAll waits for several health checks side by side.
func (p Place) awaitAll(ctx context.Context, checks []image.Check) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, check := range checks {
		group.Go(func() error {
			prober, err := p.Prober(ctx, check)
			if err != nil {
				return err
			}
			return health.Wait(ctx, prober, health.Options{Interval: probeInterval, Alive: p.Alive, Final: Final})
		})
	}
	return group.Wait()
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
