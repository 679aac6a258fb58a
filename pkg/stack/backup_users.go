package stack

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// prepare finds what there is, and declares the server that nobody else reaches.
func (r *restoring) prepare(ctx context.Context) (t *trial, owner container.Owner, err error) {
	declared, target, err := r.ownService(ctx, r.engine, r.report)
	if err != nil {
		return nil, owner, err
	}
	if r.before, err = r.restored(r.engine.Info().Kind); err != nil {
		return nil, owner, err
	}
	if r.server, err = container.Find(ctx, r.engine, r.containerName()); err != nil {
		return nil, owner, err
	}
	if err := r.findUsers(ctx); err != nil {
		return nil, owner, err
	}
	return &trial{
		Stack: r.Stack, report: r.report, engine: r.engine, image: declared.Spec.Image, password: target.Password,
	}, declared.Owner, nil
}

// findUsers finds the services that run on volumes that are replaced. They are made anew on others, which needs their
// images.
func (r *restoring) findUsers(ctx context.Context) error {
	r.users = map[string]engine.Container{}
	if len(r.volumes) == 0 {
		return nil // what uses the database alone connects again by itself
	}
	services, err := r.servicesHere()
	if err != nil {
		return err
	}
	for _, d := range services {
		name := d.Name
		c, err := r.serviceContainer(ctx, r.engine, name)
		if err != nil {
			return err
		}
		if c.State != engine.Running || !slices.ContainsFunc(d.Service.Volumes, r.replaces) {
			continue
		}
		r.users[name] = c
		ref, err := r.imageRef(name)
		if err == nil {
			_, err = r.engine.ImageInspect(ctx, ref)
		}
		if err != nil {
			return fmt.Errorf("service %s runs, and has to be made anew (mage services:start builds its image, mage "+
				"services:stop does without): %w", name, err)
		}
	}
	return nil
}

func (r *restoring) replaces(v image.ServiceVolume) bool {
	return slices.ContainsFunc(r.volumes, func(b backedVolume) bool { return b.Name == v.Name })
}

// startBack has a service run as it did: in the very container, if that is still there.
func (r *restoring) startBack(
	ctx context.Context, e Engine, report event.Reporter, name string, met func(),
) (ServiceData, error) {
	c, err := r.serviceContainer(ctx, e, name)
	switch {
	case err != nil || c.ID != r.users[name].ID:
		return r.startService(ctx, e, report, name, met)
	case c.State == engine.Running:
		return ServiceData{}, nil
	}
	d, err := r.definition(name)
	if err != nil {
		return ServiceData{}, err
	}
	return r.startAsIs(ctx, e, report, d, c)
}

// inOrder does something for the users, each after those that it depends on, or before.
func (r *restoring) inOrder(ctx context.Context, work serviceWork) error {
	images, err := r.catalogue()
	if err == nil {
		_, err = work.inOrder(ctx, images, slices.Sorted(maps.Keys(r.users)), r.engine, r.report)
	}
	return err
}
