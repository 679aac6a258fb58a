package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// Service declares a long-lived container. Its container, its network and its named volumes carry the
// owner's labels.
type Service struct {
	Owner Owner
	Role  string
	Spec  engine.ContainerSpec
	// Unhashed names the environment variables that may change without the container being made anew, such
	// as LOG_LEVEL: nobody wants a database restarted for a line more on the console.
	Unhashed []string
	// Image is the one that Spec names, where that is known: it is looked up otherwise.
	Image engine.ImageID
	// IPv6 says that the network has to have addresses of IPv6, too.
	IPv6 bool
	// Rehearsal comes before a running container is replaced.
	Rehearsal Rehearsal
	// Making is held while the network is made, which others of this process may be about to make, too; nil if none is.
	Making sync.Locker
}

// Change is what [Ensure] did to have the container running.
type Change string

// The changes.
const (
	Kept     Change = "kept"      // it ran already, as declared
	Started  Change = "started"   // it was there, stopped; made anew if only variables have changed that may
	Made     Change = "made"      // there was none
	Replaced Change = "replaced"  // it had been made from another declaration
	Mended   Change = "recreated" // it had a [Fault]
)

// Fault says what is wrong with a container of a service: it neither runs nor was stopped in order. One that was never
// started may lack its files: who made it may have died before they were copied. "" is none.
func Fault(c engine.Container) string {
	switch {
	case c.NetworkLost:
		return "runs without its network, which podman has forgotten"
	case c.State == engine.Running, c.State == engine.Exited && c.ExitCode == 0 && !c.Started.IsZero():
		return ""
	case c.Started.IsZero():
		return "was made and never started"
	case c.State == engine.Exited && c.OOMKilled:
		return fmt.Sprintf("exited with status %d (out of memory)", c.ExitCode)
	case c.State == engine.Exited:
		return fmt.Sprintf("exited with status %d", c.ExitCode)
	default:
		return "is " + string(c.State)
	}
}

// Find looks for the container of that name; the zero value is none.
func Find(ctx context.Context, e Engine, name string) (engine.Container, error) {
	found, err := e.ContainerInspect(ctx, name)
	if errors.Is(err, engine.ErrNotFound) {
		return engine.Container{}, nil
	}
	return found, err
}

// Ensure has the container running as declared, and says what it took; found is what [Find] has found. It does not
// wait until the service in it answers. A container that it made and that did not start is removed again.
func Ensure(ctx context.Context, e Engine, s Service, found engine.Container) (engine.Container, Change, error) {
	var err error
	change := Made
	switch {
	case found.ID == "":
	case !s.Declares(found), renewed(ctx, e, s, found):
		change = Replaced
	case Fault(found) != "":
		change = Mended
	case found.State == engine.Running:
		return found, Kept, s.owns(found)
	case s.outdated(found): // it does not run: now nobody is disturbed
		change = Started
	case s.networkLacks(ctx, e):
		change = Started
	default:
		found, err = s.restart(ctx, e, found)
		return found, Started, err
	}
	found, err = Replace(ctx, e, s)
	return found, change, err
}

// Declares tells whether the container was made from this declaration.
func (s Service) Declares(c engine.Container) bool { return c.Labels[LabelSpec] == s.fingerprint() }

// outdated tells whether a variable that may change has changed since the container was made.
func (s Service) outdated(c engine.Container) bool {
	return slices.ContainsFunc(s.Unhashed, func(name string) bool {
		value, set := s.Spec.Env[name]
		return set && !slices.Contains(c.Env, name+"="+value)
	})
}

// owns returns a [*ForeignError] unless the container is the service's own.
func (s Service) owns(c engine.Container) error {
	if c.Labels[LabelRole] != s.Role {
		return &ForeignError{Kind: "container", Name: c.Name, Owner: s.Owner}
	}
	return s.Owner.Check("container", c.Name, c.Labels)
}

// restart starts a container that was stopped in order.
func (s Service) restart(ctx context.Context, e Engine, c engine.Container) (engine.Container, error) {
	err := s.owns(c)
	if err == nil {
		err = e.ContainerStart(ctx, c.ID)
	}
	if err != nil {
		return c, err
	}
	return e.ContainerInspect(ctx, string(c.ID))
}

// Replace stops and removes the container, if there is one, and makes it anew. Volumes stay as they are. What
// the new one needs is made or refused before the old one is stopped; one that runs serves on if the rehearsal fails.
func Replace(ctx context.Context, e Engine, s Service) (engine.Container, error) {
	found, err := Find(ctx, e, s.Spec.Name)
	there := found.ID != ""
	if there {
		err = s.owns(found)
	}
	if err != nil {
		return engine.Container{}, err
	}
	if err := prepare(ctx, e, s); err != nil {
		return engine.Container{}, err
	}
	if found.State == engine.Running {
		if err := s.rehearse(ctx, e); err != nil {
			return engine.Container{}, err
		}
	}
	if there {
		if err := Remove(ctx, e, found, s.Spec.StopTimeout); err != nil {
			return engine.Container{}, err
		}
	}
	return launch(ctx, e, s)
}

// Remove stops the container in its own way, for at most timeout, and removes it. One in a state in which it cannot
// be stopped is ended.
func Remove(ctx context.Context, e Engine, c engine.Container, timeout time.Duration) error {
	if err := Stop(ctx, e, c, timeout); err != nil && (c.State == engine.Running || ctx.Err() != nil) {
		return err
	}
	return e.ContainerRemove(ctx, c.ID)
}

// Stop sends the container its own stop signal and waits for at most timeout; one that has ended, or never began,
// stays as it is.
func Stop(ctx context.Context, e Engine, c engine.Container, timeout time.Duration) error {
	if c.State == engine.Exited || c.State == engine.Created {
		return nil
	}
	if err := e.ContainerStop(ctx, c.ID, timeout); !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	return nil
}

// launch makes the container and starts it; one that does not start is removed again.
func launch(ctx context.Context, e Engine, s Service) (engine.Container, error) {
	spec := s.Spec
	spec.Labels = s.Owner.Labels(s.Role)
	maps.Copy(spec.Labels, s.Spec.Labels)
	spec.Labels[LabelSpec] = s.fingerprint()
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

// prepare makes the volumes and the network of the service, and refuses to use foreign ones. The volumes come first: of
// two owners who make the same stack at once, the engine lets one have them, while both may make a network.
func prepare(ctx context.Context, e Engine, s Service) error {
	labels := s.Owner.Labels(s.Role)
	if err := s.checkNetwork(ctx, e); err != nil {
		return err
	}
	for _, m := range s.Spec.Mounts {
		if m.Volume == "" {
			continue
		}
		if err := s.prepareVolume(ctx, e, m.Volume, labels); err != nil {
			return err
		}
	}
	return s.prepareNetwork(ctx, e, engine.NetworkOptions{Labels: labels, IPv6: s.IPv6})
}

// prepareVolume makes a volume. Its owner is asked for afterwards, too: the engines make nothing where somebody else
// was first. One that someone made by hand and named as ours is theirs to offer: it is used, not labelled.
func (s Service) prepareVolume(ctx context.Context, e Engine, name string, labels map[string]string) error {
	found, err := e.VolumeInspect(ctx, name)
	if errors.Is(err, engine.ErrNotFound) {
		if err := e.VolumeCreate(ctx, name, labels); err != nil {
			return err
		}
		found, err = e.VolumeInspect(ctx, name)
	}
	if err != nil || found.Labels[LabelStack] == "" {
		return err
	}
	return s.Owner.Check("volume", name, found.Labels)
}

// LastLines returns the last n lines that the container printed, for an error to quote; none if it printed nothing.
func LastLines(ctx context.Context, e Logger, id engine.ContainerID, n int) []string {
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
