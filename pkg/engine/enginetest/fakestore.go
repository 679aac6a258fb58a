package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/poststack/poststack/pkg/engine"
)

// VolumeCreate makes a volume, or leaves the one of that name as it is.
func (f *Fake) VolumeCreate(ctx context.Context, name string, labels map[string]string) error {
	if err := f.enter(ctx, "VolumeCreate", name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if _, ok := f.volumes[name]; !ok {
		f.volumes[name] = engine.Volume{Name: name, Labels: maps.Clone(labels)}
	}
	return nil
}

// VolumeInspect finds a volume by its whole name.
func (f *Fake) VolumeInspect(ctx context.Context, name string) (engine.Volume, error) {
	if err := f.enter(ctx, "VolumeInspect", name); err != nil {
		return engine.Volume{}, err
	}
	defer f.mu.Unlock()
	v, ok := f.volumes[name]
	if !ok {
		return v, fmt.Errorf("inspect volume %q: %w", name, engine.ErrNotFound)
	}
	return v, nil
}

// VolumeList finds volumes by labels.
func (f *Fake) VolumeList(ctx context.Context, labels map[string]string) ([]engine.Volume, error) {
	if len(labels) == 0 {
		return nil, errors.New("list volumes: no label to select by")
	}
	if err := f.enter(ctx, "VolumeList", ""); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var out []engine.Volume
	for _, name := range slices.Sorted(maps.Keys(f.volumes)) {
		if has(f.volumes[name].Labels, labels) {
			out = append(out, f.volumes[name])
		}
	}
	return out, nil
}

// VolumeRemove refuses a volume that a container has.
func (f *Fake) VolumeRemove(ctx context.Context, name string) error {
	if err := f.enter(ctx, "VolumeRemove", name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	for _, c := range f.containers {
		if slices.ContainsFunc(c.spec.Mounts, func(m engine.Mount) bool { return m.Volume == name }) {
			return fmt.Errorf("remove volume %q: container %q uses it", name, c.Name)
		}
	}
	delete(f.volumes, name)
	return nil
}

// VolumeUsage returns what SetVolumeUsage said.
func (f *Fake) VolumeUsage(ctx context.Context, name string) (int64, error) {
	if _, err := f.VolumeInspect(ctx, name); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.usage[name], nil
}

// NetworkCreate makes a network.
func (f *Fake) NetworkCreate(ctx context.Context, name string, o engine.NetworkOptions) error {
	if err := f.enter(ctx, "NetworkCreate", name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if _, ok := f.networks[name]; ok {
		return fmt.Errorf("create network %q: %w", name, engine.ErrConflict)
	}
	f.networks[name] = engine.Network{ID: f.id("network"), Name: name, Labels: maps.Clone(o.Labels), IPv6: o.IPv6}
	return nil
}

// NetworkInspect finds a network by its whole name.
func (f *Fake) NetworkInspect(ctx context.Context, name string) (engine.Network, error) {
	if err := f.enter(ctx, "NetworkInspect", name); err != nil {
		return engine.Network{}, err
	}
	defer f.mu.Unlock()
	n, ok := f.networks[name]
	if !ok {
		return n, fmt.Errorf("inspect network %q: %w", name, engine.ErrNotFound)
	}
	return n, nil
}

// NetworkList finds networks by labels.
func (f *Fake) NetworkList(ctx context.Context, labels map[string]string) ([]engine.Network, error) {
	if len(labels) == 0 {
		return nil, errors.New("list networks: no label to select by")
	}
	if err := f.enter(ctx, "NetworkList", ""); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var out []engine.Network
	for _, name := range slices.Sorted(maps.Keys(f.networks)) {
		if has(f.networks[name].Labels, labels) {
			out = append(out, f.networks[name])
		}
	}
	return out, nil
}

// NetworkGuests lists the containers on a network.
func (f *Fake) NetworkGuests(ctx context.Context, name string) ([]string, error) {
	if err := f.enter(ctx, "NetworkGuests", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var names []string
	for _, c := range f.containers {
		if c.spec.Network == name {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// NetworkRemove refuses a network that a container is on.
func (f *Fake) NetworkRemove(ctx context.Context, name string) error {
	if err := f.enter(ctx, "NetworkRemove", name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	for _, c := range f.containers {
		if c.spec.Network == name {
			return fmt.Errorf("remove network %q: container %q is on it", name, c.Name)
		}
	}
	delete(f.networks, name)
	return nil
}
