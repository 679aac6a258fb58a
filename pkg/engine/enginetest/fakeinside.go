package enginetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/runner"
)

// ContainerExec asks OnExec.
func (f *Fake) ContainerExec(
	ctx context.Context, id engine.ContainerID, spec engine.ExecSpec,
) (engine.ExecResult, error) {
	c, err := f.reach(ctx, "ContainerExec", id)
	if err != nil {
		return engine.ExecResult{}, err
	}
	now := c.Container
	f.mu.Unlock()
	if now.State != engine.Running {
		return engine.ExecResult{}, fmt.Errorf("exec in container %q: it does not run", id)
	}
	if f.OnExec == nil {
		return engine.ExecResult{}, nil
	}
	return f.OnExec(now, spec)
}

// ContainerCopyTo records the files.
func (f *Fake) ContainerCopyTo(ctx context.Context, id engine.ContainerID, files []engine.File) error {
	c, err := f.reach(ctx, "ContainerCopyTo", id)
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	for _, file := range files {
		c.files[file.Path] = file
	}
	return nil
}

// ContainerFile finds a file that was put into the container, or asks OnFile.
func (f *Fake) ContainerFile(ctx context.Context, id engine.ContainerID, path string) ([]byte, error) {
	c, err := f.reach(ctx, "ContainerFile", id)
	if err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if file, ok := c.files[path]; ok {
		return file.Content, nil
	}
	if f.OnFile != nil {
		if content := f.OnFile(c.spec.Image, path); content != nil {
			return content, nil
		}
	}
	return nil, fmt.Errorf("read file of container %q: %w", path, engine.ErrNotFound)
}

// reach begins a call on a container; the lock is held unless it returns an error.
func (f *Fake) reach(ctx context.Context, method string, id engine.ContainerID) (*fakeContainer, error) {
	if err := f.enter(ctx, method, string(id)); err != nil {
		return nil, err
	}
	c := f.find(string(id))
	if c == nil {
		f.mu.Unlock()
		return nil, fmt.Errorf("%s %q: %w", method, id, engine.ErrNotFound)
	}
	return c, nil
}

func (f *Fake) find(nameOrID string) *fakeContainer {
	for _, c := range f.containers {
		short := len(nameOrID) >= 12 && len(nameOrID) < len(c.ID) && string(c.ID[:len(nameOrID)]) == nameOrID
		if c.Name == nameOrID || string(c.ID) == nameOrID || short {
			return c
		}
	}
	return nil
}

// ExecCommand is a command that does not exist; its arguments are those of the container's.
func (f *Fake) ExecCommand(id engine.ContainerID, spec engine.ExecSpec, tty bool) runner.Command {
	args := []string{"exec"}
	if tty {
		args = append(args, "--tty")
	}
	return runner.Command{Program: "fake-engine", Args: append(append(args, string(id)), spec.Command...)}
}

// tail are the last lines; 0 leaves all.
func tail(s string, n int) string {
	lines := strings.SplitAfter(strings.TrimSuffix(s, "\n"), "\n")
	if n == 0 || len(lines) <= n {
		return s
	}
	return strings.Join(lines[len(lines)-n:], "") + "\n"
}
