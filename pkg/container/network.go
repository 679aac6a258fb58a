package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/poststack/poststack/pkg/engine"
)

// prepareNetwork makes the network of the service, and refuses to use a foreign one.
func (s Service) prepareNetwork(ctx context.Context, e Engine, o engine.NetworkOptions) error {
	name := s.Spec.Network
	if name == "" {
		return nil
	}
	found, err := e.NetworkInspect(ctx, name)
	if errors.Is(err, engine.ErrNotFound) {
		if err := e.NetworkCreate(ctx, name, o); !errors.Is(err, engine.ErrConflict) {
			return err
		}
		found, err = e.NetworkInspect(ctx, name) // somebody else was first
	}
	if err == nil {
		err = s.Owner.Check("network", name, found.Labels)
	}
	if err != nil || found.IPv6 || !o.IPv6 {
		return err
	}
	if err := s.clearNetwork(ctx, e, name); err != nil {
		return fmt.Errorf("give network %q addresses of IPv6: %w", name, err)
	}
	return e.NetworkCreate(ctx, name, o)
}

// networkLacks tells whether the network has to be made anew. One that cannot be asked for is looked at later.
func (s Service) networkLacks(ctx context.Context, e Engine) bool {
	if !s.IPv6 {
		return false
	}
	found, err := e.NetworkInspect(ctx, s.Spec.Network)
	return err == nil && !found.IPv6
}

// clearNetwork removes a network and the containers on it. What they are for is in volumes and declarations, from which
// they are made anew; one that runs is let be.
func (s Service) clearNetwork(ctx context.Context, e Engine, name string) error {
	guests, err := e.NetworkGuests(ctx, name)
	if err != nil {
		return err
	}
	var ids []engine.ContainerID
	for _, guest := range guests {
		c, err := e.ContainerInspect(ctx, guest)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err == nil {
			err = s.Owner.Check("container", guest, c.Labels)
		}
		if err == nil && c.State == engine.Running {
			err = fmt.Errorf("container %q runs in it: run mage down, then this again", guest)
		}
		if err != nil {
			return err
		}
		ids = append(ids, c.ID)
	}
	for _, id := range ids {
		if err := e.ContainerRemove(ctx, id); err != nil {
			return err
		}
	}
	return e.NetworkRemove(ctx, name)
}
