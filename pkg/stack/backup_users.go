package stack

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
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

// eachLogin does something for each service that signs in to the database, or did.
func (s *Stack) eachLogin(do func(image.Definition) error) error {
	services, err := s.servicesHere()
	for _, d := range services {
		if _, none := os.Stat(s.secretPath(d.Name, "database")); d.Service.Database == nil || none != nil {
			continue
		}
		if err := do(d); err != nil {
			return err
		}
	}
	return err
}

// adopt lets the services of this stack sign in to a restored database as they do now: their roles are the server's,
// and in no backup. Its zones get serials past those of today.
func (r *restoring) adopt(ctx context.Context, t *trial) error {
	err := r.eachLogin(func(d image.Definition) error {
		password, err := r.serviceSecret(d.Name, "database")
		if err != nil {
			return err
		}
		login := database.Target{User: r.loginRole(d.Name), Password: password}
		if err := r.makeLogin(ctx, t.target, login, d.Service.Database.Role); err != nil {
			r.report.Warn(fmt.Sprintf("service %s cannot sign in to the restored database: %v", d.Name, err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.sessions.Use(ctx, t.target, func(ctx context.Context, conn *pgx.Conn) error {
		return hosting.RaiseRestoredSerials(ctx, conn)
	})
}

// usedBy waits until the services that run are healthy with the database, and names them.
func (s *Stack) usedBy(ctx context.Context, e Engine) ([]string, error) {
	names := []string{}
	return names, s.eachLogin(func(d image.Definition) error {
		c, err := s.serviceContainer(ctx, e, d.Name)
		if err == nil && c.State == engine.Running {
			names = append(names, d.Name)
		}
		return err
	})
}

// stopServer stops the present database, if there is one.
func (r *restoring) stopServer(ctx context.Context) error {
	if r.server.ID == "" || r.stopped {
		return nil
	}
	r.stopped, r.last = true, r.mark(ctx)
	r.report.Step("stopping " + r.server.Name)
	return container.Stop(ctx, r.engine, r.server, r.Config.Timeout.Stop)
}

// startServer has it run again as it was found, of the image that it was of: another one may not be able to read its
// data.
func (r *restoring) startServer(ctx context.Context) error {
	if r.server.State != engine.Running {
		return nil
	}
	c, err := container.Find(ctx, r.engine, r.server.Name)
	if err != nil || c.ID == r.server.ID && c.State == engine.Running {
		return err
	}
	if c.ID != r.server.ID {
		r.built.Store(postgresImage, image.Result{Name: postgresImage, DigestRef: engine.Ref(r.server.Image)})
		_, err = r.startOwn(ctx, r.engine, r.report)
		return err
	}
	target, err := r.Target(ctx)
	if err == nil {
		err = r.engine.ContainerStart(ctx, c.ID)
	}
	if err == nil {
		err = r.await(ctx, r.engine, c, target)
	}
	return err
}
