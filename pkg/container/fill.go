package container

import (
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/engine"
)

// Fill puts files into a volume of the service, which is made if there is none. They go in through a container that
// never starts: what they hold appears in no argument, no environment and no inspection, and a container of the service
// that runs sees them at once.
func Fill(ctx context.Context, e Engine, s Service, into engine.Mount, files []engine.File) error {
	if err := s.prepareVolume(ctx, e, into.Volume, s.Owner.Labels(s.Role)); err != nil {
		return err
	}
	into.ReadOnly = false
	id, err := e.ContainerCreate(ctx, engine.ContainerSpec{
		Image: s.Spec.Image, Labels: DisposableLabels(), Mounts: []engine.Mount{into}, Files: files,
	})
	if err != nil {
		return fmt.Errorf("fill volume %q: %w", into.Volume, err)
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return e.ContainerRemove(cleanup, id)
}
