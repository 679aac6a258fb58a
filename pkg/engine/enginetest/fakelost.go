package enginetest

import (
	"context"
	"slices"

	"github.com/poststack/poststack/pkg/engine"
)

// ContainerLost lists what Lost says.
func (f *Fake) ContainerLost(ctx context.Context, name string) ([]engine.ContainerID, error) {
	if err := f.enter(ctx, "ContainerLost", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	return slices.Clone(f.Lost[name]), nil
}

// ContainerEndLost empties Lost.
func (f *Fake) ContainerEndLost(ctx context.Context, name string) error {
	if err := f.enter(ctx, "ContainerEndLost", name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	delete(f.Lost, name)
	return nil
}
