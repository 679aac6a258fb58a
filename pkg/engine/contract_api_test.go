package engine_test

import (
	"context"
	"io"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// API is everything an engine does. The contract suite runs on it; nothing else should ask for all of it.
type API interface {
	Info() engine.Info
	ImageInspect(ctx context.Context, ref engine.Ref) (engine.Image, error)
	ImageList(ctx context.Context, label string) ([]engine.Image, error)
	ImageTag(ctx context.Context, id engine.ImageID, ref engine.Ref) error
	ImageRemove(ctx context.Context, ref engine.Ref) error
	ImagePull(ctx context.Context, ref engine.Ref) error
	ImageImport(ctx context.Context, rootfs io.Reader, ref engine.Ref, changes []string) (engine.ImageID, error)
	Build(ctx context.Context, spec engine.BuildSpec) (engine.BuildOutput, error)
	ContainerCreate(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error)
	ContainerInspect(ctx context.Context, nameOrID string) (engine.Container, error)
	ContainerList(ctx context.Context, labels map[string]string) ([]engine.Container, error)
	ContainerRemove(ctx context.Context, id engine.ContainerID) error
	ContainerLost(ctx context.Context, name string) ([]engine.ContainerID, error)
	ContainerEndLost(ctx context.Context, name string) error
	ContainerStart(ctx context.Context, id engine.ContainerID) error
	ContainerKeepUp(ctx context.Context, id engine.ContainerID) error
	ContainerWait(ctx context.Context, id engine.ContainerID) (int, error)
	ContainerStop(ctx context.Context, id engine.ContainerID, timeout time.Duration) error
	ContainerKill(ctx context.Context, id engine.ContainerID, signal string) error
	ContainerLogs(ctx context.Context, id engine.ContainerID, o engine.LogOptions, stdout, stderr io.Writer) error
	ContainerExec(ctx context.Context, id engine.ContainerID, spec engine.ExecSpec) (engine.ExecResult, error)
	ContainerCopyTo(ctx context.Context, id engine.ContainerID, files []engine.File) error
	ContainerFile(ctx context.Context, id engine.ContainerID, path string) ([]byte, error)
	ContainerOnPort(ctx context.Context, port uint16) (string, error)
	PortsClear(ctx context.Context, ports []engine.Port) error
	VolumeCreate(ctx context.Context, name string, labels map[string]string) error
	VolumeInspect(ctx context.Context, name string) (engine.Volume, error)
	VolumeList(ctx context.Context, labels map[string]string) ([]engine.Volume, error)
	VolumeRemove(ctx context.Context, name string) error
	ImageHistory(ctx context.Context, ref engine.Ref) ([]engine.Layer, error)
	VolumeUsage(ctx context.Context, name string) (int64, error)
	NetworkCreate(ctx context.Context, name string, o engine.NetworkOptions) error
	NetworkInspect(ctx context.Context, name string) (engine.Network, error)
	NetworkList(ctx context.Context, labels map[string]string) ([]engine.Network, error)
	NetworkGuests(ctx context.Context, name string) ([]string, error)
	NetworkRemove(ctx context.Context, name string) error
}
