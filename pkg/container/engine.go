// Package container keeps containers: long-lived ones of a stack, which are made once and then kept as they
// were declared, and disposable ones for checks and tests.
package container

import (
	"context"
	"io"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/session"
)

// The labels on everything that is made here, so that it is found again by its label and never by a name
// that merely looks alike.
const (
	LabelStack   = "org.poststack.stack" // the stack's name
	LabelOwner   = "org.poststack.owner" // the ID of its owner, see [Owner]
	LabelRole    = "org.poststack.role"  // what it is in the stack: "postgres", "liquibase"
	LabelSpec    = "org.poststack.spec"  // what of its declaration it is made anew for, hashed
	LabelSession = session.Label         // on disposable things: who made it

	LabelDisposable = session.LabelDisposable // "true" on things that must not outlive their session
)

// DisposableLabels are the labels of a thing that this process makes and will remove; [Sweep] removes it when
// this process died before it could.
func DisposableLabels() map[string]string { return session.Labels() }

// Logger gives what a container has printed; an [Engine] is one.
type Logger interface {
	ContainerLogs(ctx context.Context, id engine.ContainerID, o engine.LogOptions, stdout, stderr io.Writer) error
}

// Engine is what this package needs of a container engine; *engine.Engine has it.
type Engine interface {
	ContainerCreate(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error)
	ContainerStart(ctx context.Context, id engine.ContainerID) error
	ContainerWait(ctx context.Context, id engine.ContainerID) (int, error)
	ContainerStop(ctx context.Context, id engine.ContainerID, timeout time.Duration) error
	ContainerRemove(ctx context.Context, id engine.ContainerID) error
	ContainerInspect(ctx context.Context, nameOrID string) (engine.Container, error)
	ContainerList(ctx context.Context, labels map[string]string) ([]engine.Container, error)
	Logger
	ImageInspect(ctx context.Context, ref engine.Ref) (engine.Image, error)
	VolumeInspect(ctx context.Context, name string) (engine.Volume, error)
	VolumeCreate(ctx context.Context, name string, labels map[string]string) error
	NetworkInspect(ctx context.Context, name string) (engine.Network, error)
	NetworkCreate(ctx context.Context, name string, o engine.NetworkOptions) error
	VolumeList(ctx context.Context, labels map[string]string) ([]engine.Volume, error)
	VolumeRemove(ctx context.Context, name string) error
	NetworkList(ctx context.Context, labels map[string]string) ([]engine.Network, error)
	NetworkRemove(ctx context.Context, name string) error
	NetworkGuests(ctx context.Context, name string) ([]string, error)
}
