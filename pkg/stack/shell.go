package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// removeTime bounds the removal of a disposable container.
const removeTime = 30 * time.Second

// Shell runs bash in the container of this stack that has the image of that name and runs, or else in a
// disposable one, which is removed afterwards. An exit status other than 0 is an [EndedError].
func (s *Stack) Shell(ctx context.Context, name string) error {
	return s.targetEnded(ctx, "shell", Unexpected, s.shell(ctx, name))
}

func (s *Stack) shell(ctx context.Context, name string) error {
	name, err := s.imageName(name)
	if err != nil {
		return err
	}
	e, err := s.engine(ctx)
	if err != nil {
		return err
	}
	found, err := s.ownContainers(ctx, e)
	if err != nil {
		return err
	}
	bash := engine.ExecSpec{Command: []string{"bash"}, Env: s.screen()}
	for _, c := range found {
		if c.Labels[container.LabelRole] == name && c.State == engine.Running {
			return s.attachInside(ctx, e, c.ID, program{name: "bash", script: `bash; exit $?`})
		}
	}
	s.Sink.For("").Notice(fmt.Sprintf("no container of image %q runs: this one is removed when the shell ends", name))
	return s.disposable(ctx, name, engine.ContainerSpec{Env: map[string]string{
		"DOMAIN": s.Config.Domain, "LE_EMAIL": s.Config.LEEmail, "CERT_PATH": s.Config.CertPath,
		"LOG_LEVEL": s.Config.LogLevel,
	}}, bash)
}

// program is a script of bash that runs one program in a container that stays.
type program struct {
	name, script string
	args         []string
}

// hangUp sends SIGHUP to the children of the bash that has the mark $1 among its arguments: their terminal is gone.
const hangUp = `pkill -HUP -P "$(pgrep -o -f "$1")"`

// attachInside gives the terminal to a program in a container that stays. The engine's command line that is killed
// leaves alone what it has started there (seen with podman 4.3), so when the run is told to end, that is ended
// by a mark which nothing else has.
func (s *Stack) attachInside(ctx context.Context, e Engine, id engine.ContainerID, p program) error {
	mark := "poststack-" + rand.Text()
	spec := engine.ExecSpec{Command: append([]string{"bash", "-c", p.script, mark}, p.args...), Env: s.screen()}
	err := s.attach(ctx, p.name, e.ExecCommand(id, spec, s.conversing()))
	if ctx.Err() == nil {
		return err
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	// The pattern does not match the command that it stands in.
	_, failed := e.ContainerExec(ending, id,
		engine.ExecSpec{Command: []string{"bash", "-c", hangUp, "hang-up", "[p]" + mark[1:]}})
	return errors.Join(err, failed)
}

// imageName is the image that name means: its own, or the only one that begins like that, so that "base" is
// base-debian, as in the targets' names.
func (s *Stack) imageName(name string) (string, error) {
	images, err := s.catalogue()
	if err != nil {
		return "", err
	}
	all := images.Names()
	if slices.Contains(all, name) {
		return name, nil
	}
	var like []string
	for _, n := range all {
		if name != "" && strings.HasPrefix(n, name) {
			like = append(like, n)
		}
	}
	if len(like) == 1 {
		return like[0], nil
	}
	return "", badUsage("there is no image %q; the images are: %s", name, strings.Join(all, ", "))
}

// disposable runs a program in a new container of the image, and removes the container whatever happens. Its own
// main process does nothing: an engine's command line that is killed leaves alone what it has started.
func (s *Stack) disposable(
	ctx context.Context, name string, spec engine.ContainerSpec, program engine.ExecSpec,
) error {
	e, err := s.engine(ctx)
	if err != nil {
		return err
	}
	if spec.Image, err = s.imageRef(name); err != nil {
		return err
	}
	if _, err := e.ImageInspect(ctx, spec.Image); errors.Is(err, engine.ErrNotFound) {
		return badUsage("image %q is not built, or not current; build it with: mage build:all", name)
	} else if err != nil {
		return err
	}
	return idle(ctx, e, name, spec, func(id engine.ContainerID) error {
		return s.attach(ctx, program.Command[0], e.ExecCommand(id, program, s.conversing()))
	})
}

// idle has a disposable container that does nothing, for programs to run in, while do lasts.
func idle(
	ctx context.Context, e Engine, role string, spec engine.ContainerSpec, do func(engine.ContainerID) error,
) error {
	spec.Entrypoint, spec.Command = []string{"sleep"}, []string{"infinity"}
	spec.Labels = container.DisposableLabels()
	spec.Labels[container.LabelRole] = role
	return made(ctx, e, spec, func(id engine.ContainerID) error {
		if err := e.ContainerStart(ctx, id); err != nil {
			return err
		}
		return do(id)
	})
}

// made has a container while do lasts, and removes it whatever happens, also after ctx has ended.
func made(
	ctx context.Context, e Engine, spec engine.ContainerSpec, do func(engine.ContainerID) error,
) (err error) {
	id, err := e.ContainerCreate(ctx, spec)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		err = errors.Join(err, e.ContainerRemove(ctx, id))
	}()
	return do(id)
}
