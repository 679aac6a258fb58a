package container

import (
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/engine"
)

// Fill puts files into a volume of the service, which is made if there is none, by [FillVolume]. A container of the
// service that runs sees them at once.
func Fill(ctx context.Context, e Engine, s Service, into engine.Mount, files []engine.File) error {
	if err := s.prepareVolume(ctx, e, into.Volume, s.Owner.Labels(s.Role)); err != nil {
		return err
	}
	into.ReadOnly = false
	return FillVolume(ctx, e, s.Spec.Image, into, files)
}

// Maker makes containers and removes them.
type Maker interface {
	ContainerCreate(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error)
	ContainerRemove(ctx context.Context, id engine.ContainerID) error
}

// FillVolume puts files into a volume that is there. They go in through a container of the image that never starts:
// what they hold appears in no argument, no environment and no inspection.
func FillVolume(ctx context.Context, e Maker, image engine.Ref, into engine.Mount, files []engine.File) error {
	id, err := e.ContainerCreate(ctx, engine.ContainerSpec{
		Image: image, Labels: DisposableLabels(), Mounts: []engine.Mount{into}, Files: files,
	})
	if err != nil {
		return fmt.Errorf("fill volume %q: %w", into.Volume, err)
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return e.ContainerRemove(cleanup, id)
}
