package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// Service declares a long-lived container. Its container, its network and its named volumes carry the
// stack's labels.
type Service struct {
	Stack string
	Role  string
	Spec  engine.ContainerSpec
	// Unhashed names the environment variables that may change without the container being made anew, such
	// as LOG_LEVEL: nobody wants a database restarted for a line more on the console.
	Unhashed []string
}

// Change is what [Ensure] did to have the container running.
type Change string

// The changes.
const (
	Kept     Change = "kept"     // it ran already, as declared
	Started  Change = "started"  // it was there, stopped
	Made     Change = "made"     // there was none
	Replaced Change = "replaced" // it had been made from another declaration
)

// ForeignError is a container, volume or network that has the name of one of ours and is not ours.
type ForeignError struct{ Kind, Name, Stack string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("use %s %q: it exists and does not belong to stack %q; rename it, or set POSTSTACK_STACK to another name", e.Kind, e.Name, e.Stack)
}

// labels are those of everything that belongs to the service.
func (s Service) labels() map[string]string {
	return map[string]string{LabelStack: s.Stack, LabelRole: s.Role}
}

// hash identifies the declaration. The content of files is left out: it may be a password, and a label can be
// read by everyone who may ask the engine.
func (s Service) hash() string {
	spec := s.Spec
	spec.Labels = nil
	spec.Env = maps.Clone(spec.Env)
	for _, name := range s.Unhashed {
		delete(spec.Env, name)
	}
	spec.Files = slices.Clone(spec.Files)
	for i := range spec.Files {
		spec.Files[i].Content = nil
	}
	text, err := json.Marshal(spec)
	if err != nil { // a struct of strings and numbers always marshals
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Ensure has the container running as declared, and says what it took. It does not wait until the service in
// it answers. A container that it made and that did not start is removed again.
func Ensure(ctx context.Context, e Engine, s Service) (engine.Container, Change, error) {
	found, err := e.ContainerInspect(ctx, s.Spec.Name)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		c, err := create(ctx, e, s)
		return c, Made, err
	case err != nil:
		return found, "", err
	case found.Labels[LabelStack] != s.Stack || found.Labels[LabelRole] != s.Role:
		return found, "", &ForeignError{Kind: "container", Name: s.Spec.Name, Stack: s.Stack}
	case found.Labels[LabelSpec] != s.hash():
		c, err := Replace(ctx, e, s)
		return c, Replaced, err
	case found.State == engine.Running:
		return found, Kept, nil
	}
	if err := e.ContainerStart(ctx, found.ID); err != nil {
		return found, "", err
	}
	c, err := e.ContainerInspect(ctx, string(found.ID))
	return c, Started, err
}

// Replace stops and removes the container, if there is one, and makes it anew. Volumes stay as they are. What
// the new one needs is made or refused before the old one is stopped.
func Replace(ctx context.Context, e Engine, s Service) (engine.Container, error) {
	if err := prepare(ctx, e, s); err != nil {
		return engine.Container{}, err
	}
	found, err := e.ContainerInspect(ctx, s.Spec.Name)
	if err == nil {
		err = Remove(ctx, e, found, s.Spec.StopTimeout)
	}
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return engine.Container{}, err
	}
	return launch(ctx, e, s)
}

// Remove stops the container in its own way, for at most timeout, and removes it.
func Remove(ctx context.Context, e Engine, c engine.Container, timeout time.Duration) error {
	if err := Stop(ctx, e, c, timeout); err != nil {
		return err
	}
	return e.ContainerRemove(ctx, c.ID)
}

// Stop sends the container its own stop signal and waits for at most timeout; a stopped one stays as it is.
func Stop(ctx context.Context, e Engine, c engine.Container, timeout time.Duration) error {
	if c.State != engine.Running {
		return nil
	}
	if err := e.ContainerStop(ctx, c.ID, timeout); !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	return nil
}

// create makes what the container needs, then the container, and starts it.
func create(ctx context.Context, e Engine, s Service) (engine.Container, error) {
	if err := prepare(ctx, e, s); err != nil {
		return engine.Container{}, err
	}
	return launch(ctx, e, s)
}

// launch makes the container and starts it; one that does not start is removed again.
func launch(ctx context.Context, e Engine, s Service) (engine.Container, error) {
	spec := s.Spec
	spec.Labels = s.labels()
	maps.Copy(spec.Labels, s.Spec.Labels)
	spec.Labels[LabelSpec] = s.hash()
	id, err := e.ContainerCreate(ctx, spec)
	if err != nil {
		return engine.Container{}, err
	}
	if err := e.ContainerStart(ctx, id); err != nil {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer cancel()
		return engine.Container{}, errors.Join(err, e.ContainerRemove(cleanup, id))
	}
	return e.ContainerInspect(ctx, string(id))
}

// cleanupTime is how long removing something may take after the work itself was cancelled.
const cleanupTime = 15 * time.Second

// prepare makes the network and the volumes of the service, and refuses to use foreign ones.
func prepare(ctx context.Context, e Engine, s Service) error {
	if name := s.Spec.Network; name != "" {
		found, err := e.NetworkInspect(ctx, name)
		if err = owned(err, "network", name, found.Labels, s); errors.Is(err, engine.ErrNotFound) {
			err = e.NetworkCreate(ctx, name, s.labels())
		}
		if err != nil {
			return err
		}
	}
	for _, m := range s.Spec.Mounts {
		if m.Volume == "" {
			continue
		}
		found, err := e.VolumeInspect(ctx, m.Volume)
		switch {
		case errors.Is(err, engine.ErrNotFound):
			err = e.VolumeCreate(ctx, m.Volume, s.labels())
		case found.Labels[LabelStack] != "":
			err = owned(err, "volume", m.Volume, found.Labels, s)
		default: // one that someone made by hand and named as ours is theirs to offer: it is used, not labelled
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// owned turns a found thing of another owner into a [ForeignError].
func owned(err error, kind, name string, labels map[string]string, s Service) error {
	if err == nil && labels[LabelStack] != s.Stack {
		return &ForeignError{Kind: kind, Name: name, Stack: s.Stack}
	}
	return err
}

// LastLines returns the last n lines that the container printed, for an error to quote; none if it printed nothing.
func LastLines(ctx context.Context, e Engine, id engine.ContainerID, n int) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	var out strings.Builder
	if err := e.ContainerLogs(ctx, id, engine.LogOptions{Tail: n}, &out, &out); err != nil {
		return []string{fmt.Sprintf("read the container's log: %v", err)}
	}
	text := strings.TrimRight(strings.ReplaceAll(out.String(), "\r\n", "\n"), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}
