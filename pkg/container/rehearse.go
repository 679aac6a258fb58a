package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// Rehearsal is a command that tells whether a new container will serve what the running one serves. It is run in a
// container of its own before that one is stopped; the zero value is none.
type Rehearsal struct {
	Command []string
	Limit   time.Duration // how long it may take
	Remedy  string        // how to go on when it fails, in words
}

// rehearse runs the rehearsal of a service in a container that has all that the new one will have, except its names and
// its ports, and that can change nothing on its volumes.
func (s Service) rehearse(ctx context.Context, e Engine) error {
	if len(s.Rehearsal.Command) == 0 {
		return nil
	}
	why := fmt.Errorf("it took longer than %s", s.Rehearsal.Limit)
	limited, cancel := context.WithTimeoutCause(ctx, s.Rehearsal.Limit, why)
	defer cancel()
	code, lines, err := runOnce(limited, e, s.rehearsal())
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	told, remedy := fmt.Sprintf("exit status %d", code), ""
	switch {
	case limited.Err() != nil:
		told = why.Error()
	case err != nil:
		return fmt.Errorf("try image %q before container %q is replaced: %w", s.Spec.Image, s.Spec.Name, err)
	case code == 0:
		return nil
	case len(lines) > 0:
		told = strings.Join(lines, "; ")
	}
	if s.Rehearsal.Remedy != "" {
		remedy = ": " + s.Rehearsal.Remedy
	}
	return fmt.Errorf("replace container %q: image %q does not take what it is to serve: %s; the running container "+
		"serves on%s", s.Spec.Name, s.Spec.Image, told, remedy)
}

// rehearsal is the container of the rehearsal.
func (s Service) rehearsal() engine.ContainerSpec {
	spec := s.Spec
	spec.Name, spec.Aliases, spec.Ports, spec.Labels = "", nil, nil, DisposableLabels()
	spec.Entrypoint, spec.Command = s.Rehearsal.Command[:1], s.Rehearsal.Command[1:]
	spec.Mounts = slices.Clone(spec.Mounts)
	for i := range spec.Mounts {
		spec.Mounts[i].ReadOnly = true
	}
	return spec
}

// runOnce runs a container to its end, and gives its status and the last lines that it printed.
func runOnce(ctx context.Context, e Engine, spec engine.ContainerSpec) (code int, lines []string, err error) {
	id, err := e.ContainerCreate(ctx, spec)
	if err != nil {
		return 0, nil, err
	}
	defer func() {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer cancel()
		err = errors.Join(err, e.ContainerRemove(cleanup, id))
	}()
	if err := e.ContainerStart(ctx, id); err != nil {
		return 0, nil, err
	}
	if code, err = e.ContainerWait(ctx, id); err != nil {
		return 0, nil, err
	}
	if code != 0 {
		lines = LastLines(ctx, e, id, rehearsalLines)
	}
	return code, lines, nil
}

// rehearsalLines is how much of what a rehearsal printed is told.
const rehearsalLines = 10
