package enginetest

import (
	"context"
	"io"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// API is everything an engine does, in the parts that its users name by themselves. The contract suite runs
// on it; nothing else should ask for all of it.
type API interface {
	Images
	ImageSources
	Containers
	ContainerSignals
	ContainerInside
	Ports
	Volumes
	Measures
	Networks
}

// Images looks at and names images.
type Images interface {
	ImageInspect(ctx context.Context, ref engine.Ref) (engine.Image, error)
	ImageList(ctx context.Context, label string) ([]engine.Image, error)
	ImageTag(ctx context.Context, id engine.ImageID, ref engine.Ref) error
	ImageRemove(ctx context.Context, ref engine.Ref) error
}

// ImageSources makes images.
type ImageSources interface {
	ImagePull(ctx context.Context, ref engine.Ref) error
	ImageImport(ctx context.Context, rootfs io.Reader, ref engine.Ref, changes []string) (engine.ImageID, error)
	Build(ctx context.Context, spec engine.BuildSpec) (engine.BuildOutput, error)
}

// Containers makes, finds and removes containers.
type Containers interface {
	ContainerCreate(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error)
	ContainerInspect(ctx context.Context, nameOrID string) (engine.Container, error)
	ContainerList(ctx context.Context, labels map[string]string) ([]engine.Container, error)
	ContainerRemove(ctx context.Context, id engine.ContainerID) error
	ContainerLost(ctx context.Context, name string) ([]engine.ContainerID, error)
	ContainerEndLost(ctx context.Context, name string) error
}

// ContainerSignals starts and ends containers.
type ContainerSignals interface {
	ContainerStart(ctx context.Context, id engine.ContainerID) error
	ContainerKeepUp(ctx context.Context, id engine.ContainerID) error
	ContainerWait(ctx context.Context, id engine.ContainerID) (int, error)
	ContainerStop(ctx context.Context, id engine.ContainerID, timeout time.Duration) error
	ContainerKill(ctx context.Context, id engine.ContainerID, signal string) error
}

// ContainerInside reaches into containers.
type ContainerInside interface {
	ContainerLogs(ctx context.Context, id engine.ContainerID, o engine.LogOptions, stdout, stderr io.Writer) error
	ContainerExec(ctx context.Context, id engine.ContainerID, spec engine.ExecSpec) (engine.ExecResult, error)
	ContainerCopyTo(ctx context.Context, id engine.ContainerID, files []engine.File) error
	ContainerFile(ctx context.Context, id engine.ContainerID, path string) ([]byte, error)
}

// Ports finds who publishes one.
type Ports interface {
	ContainerOnPort(ctx context.Context, port uint16) (string, error)
}

// Volumes makes, finds and removes volumes.
type Volumes interface {
	VolumeCreate(ctx context.Context, name string, labels map[string]string) error
	VolumeInspect(ctx context.Context, name string) (engine.Volume, error)
	VolumeList(ctx context.Context, labels map[string]string) ([]engine.Volume, error)
	VolumeRemove(ctx context.Context, name string) error
}

// Measures asks for what is seldom needed.
type Measures interface {
	ImageHealthcheck(ctx context.Context, ref engine.Ref) ([]string, error)
	ImageHistory(ctx context.Context, ref engine.Ref) ([]engine.Layer, error)
	VolumeUsage(ctx context.Context, name string) (int64, error)
}

// Networks makes, finds and removes networks.
type Networks interface {
	NetworkCreate(ctx context.Context, name string, labels map[string]string) error
	NetworkInspect(ctx context.Context, name string) (engine.Network, error)
	NetworkList(ctx context.Context, labels map[string]string) ([]engine.Network, error)
	NetworkGuests(ctx context.Context, name string) ([]string, error)
	NetworkRemove(ctx context.Context, name string) error
}
