package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/cenkalti/backoff/v5"

	"github.com/poststack/poststack/pkg/engine"
)

// prepareNetwork makes the network of the service, and refuses to use a foreign one.
func (s Service) prepareNetwork(ctx context.Context, e Engine, o engine.NetworkOptions) error {
	name := s.Spec.Network
	if name == "" {
		return nil
	}
	if s.Making != nil {
		s.Making.Lock()
		defer s.Making.Unlock()
	}
	found, err := s.haveNetwork(ctx, e, o)
	if err != nil || found.IPv6 || !o.IPv6 {
		return err
	}
	if err := s.clearNetwork(ctx, e, name); err != nil {
		return fmt.Errorf("give network %q addresses of IPv6: %w", name, err)
	}
	return e.NetworkCreate(ctx, name, o)
}

// checkNetwork refuses to use a foreign network, before anything is made. One that somebody makes at this moment is
// looked at when ours is made.
func (s Service) checkNetwork(ctx context.Context, e Engine) error {
	if s.Spec.Network == "" {
		return nil
	}
	_, err := s.ownNetwork(ctx, e)
	if errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrConflict) {
		return nil
	}
	return err
}

// ownNetwork is the service's network, if it is not a foreign one.
func (s Service) ownNetwork(ctx context.Context, e Engine) (engine.Network, error) {
	found, err := e.NetworkInspect(ctx, s.Spec.Network)
	if err == nil {
		err = s.Owner.Check("network", s.Spec.Network, found.Labels)
	}
	return found, err
}

// haveNetwork makes the network where there is none, and says what there is. Of two that make one at once, both may
// have to try again.
func (s Service) haveNetwork(ctx context.Context, e Engine, o engine.NetworkOptions) (engine.Network, error) {
	const tries = 5
	return backoff.Retry(ctx, func() (engine.Network, error) {
		found, err := s.ownNetwork(ctx, e)
		if errors.Is(err, engine.ErrNotFound) {
			found = engine.Network{Name: s.Spec.Network, Labels: o.Labels, IPv6: o.IPv6}
			err = e.NetworkCreate(ctx, s.Spec.Network, o)
		}
		if err != nil && !errors.Is(err, engine.ErrConflict) {
			err = backoff.Permanent(err)
		}
		return found, err
	}, backoff.WithMaxTries(tries))
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
