package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/engine/dockerfile"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/session"
)

// Build builds an image with the engine's own builder and tags it once the build has succeeded: a build that
// fails or is cancelled leaves the tags where they were. Base images must be in the local store already;
// one that is missing is [ErrNotFound], no registry is asked.
//
// A failing step gives a [*BuildError]. A build that ctx ends matches context.Canceled (or
// DeadlineExceeded), whatever the builder's exit status, and leaves no container and no process behind.
func (e *Engine) Build(ctx context.Context, spec BuildSpec) (BuildOutput, error) {
	name := spec.Dir
	if len(spec.Tags) > 0 {
		name = string(spec.Tags[0])
	}
	if err := context.Cause(ctx); err != nil {
		return BuildOutput{}, apiError(ctx, "build image", name, err)
	}
	file, err := readDockerfile(filepath.Join(spec.Dir, "Dockerfile"))
	if err != nil {
		return BuildOutput{}, fmt.Errorf("build image %q: %w", name, err)
	}
	if err := e.haveBases(ctx, bases(file, spec.Args)); err != nil {
		return BuildOutput{}, fmt.Errorf("build image %q: %w", name, err)
	}
	run := func() (BuildOutput, error) { return (&build{engine: e, spec: spec, file: file}).run(ctx) }
	out, err := pastRemovedImages(ctx, run)
	if err != nil && imageVanished(err) && ctx.Err() == nil {
		spec.NoCache = true // others go on removing images: then no step is looked for among them
		out, err = run()
	}
	if ctx.Err() != nil {
		return BuildOutput{}, apiError(ctx, "build image", name, ctx.Err())
	}
	if err != nil {
		return BuildOutput{}, err
	}
	for _, tag := range spec.Tags {
		if err := e.ImageTag(ctx, out.ID, tag); err != nil {
			return BuildOutput{}, err
		}
	}
	return out, nil
}

// haveBases makes sure that every base is in the local store, so that no builder goes looking for it.
func (e *Engine) haveBases(ctx context.Context, bases []Ref) error {
	for _, base := range bases {
		if _, err := e.ImageInspect(ctx, base); err != nil {
			return fmt.Errorf("find base image: %w", err)
		}
	}
	return nil
}

// build is one run of a builder.
type build struct {
	engine *Engine
	spec   BuildSpec
	file   dockerfile.File
	dir    string // scratch of this build
	// inserted is how many instructions the builder gets that the Dockerfile does not have.
	inserted int
	mark     string // value of the build argument that tells its leftovers from others'
	network  string // made for this build; "" for none
}

func (b *build) run(ctx context.Context) (BuildOutput, error) {
	if err := b.engine.Guard(); err != nil {
		return BuildOutput{}, err
	}
	var err error
	session.SweepTemp(b.engine.scratch(), "build")
	if b.dir, err = os.MkdirTemp(b.engine.scratch(), session.Temp("build")); err != nil {
		return BuildOutput{}, fmt.Errorf("make directory for a build: %w", err)
	}
	defer b.clear(ctx)
	b.mark = b.dir
	command, err := b.command(ctx)
	if err != nil {
		return BuildOutput{}, err
	}
	progress := newProgress(b.engine.cli.dialect(), b.spec.OnStep, b.engine.opts.Secrets)
	progress.ours = b.inserted
	lines := &lineWriter{log: b.spec.Log, line: progress.line}
	command.Stdout, command.Stderr = lines, lines
	err = b.supervise(ctx, command)
	if ctx.Err() != nil && progress.worker != "" {
		// The daemon removes the container of the step when its client has gone: see that it is done.
		err = errors.Join(err, b.engine.removeAfter(ctx, ContainerID(progress.worker)))
	}
	if err != nil {
		return BuildOutput{}, b.blame(progress.failure(err))
	}
	id, err := os.ReadFile(b.idFile())
	if err != nil {
		return BuildOutput{}, fmt.Errorf("read the ID of the image built: %w", err)
	}
	return BuildOutput{ID: imageID(strings.TrimSpace(string(id))), Steps: progress.finish()}, nil
}

// blame adds the settings of the environment to a failure of the builder itself.
func (b *build) blame(err error) error {
	var failed *BuildError
	if errors.As(err, &failed) && failed.Step.Text == "" {
		failed.settings = b.engine.opts.withSettings(b.engine.info.Kind, "")
	}
	return err
}

// supervise runs the builder. A builder of podman that is told to end leaves its working containers and the
// RUN step's process behind (and exits 0), so that step is ended instead, see [build.cancelPodman].
func (b *build) supervise(ctx context.Context, command runner.Command) error {
	if b.engine.service == nil {
		_, err := b.engine.cli.runner.Run(ctx, command)
		return err
	}
	detached, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	finished, cleaned := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cleaned)
		b.cancelPodman(finished, func() { end(context.Cause(ctx)) })
	})
	_, err := b.engine.cli.runner.Run(detached, command)
	close(finished)
	ended := !stop()
	if ended {
		<-cleaned
	}
	exit, ok := errors.AsType[*runner.ExitError](err)
	if ended || ok && exit.Code < 0 { // or somebody has killed it, such as a machine without memory
		b.removeLeftovers(context.WithoutCancel(ctx))
	}
	return err
}

// scratch is where big temporary files may go.
func (e *Engine) scratch() string {
	if dir := e.opts.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	if e.cli.kind == Podman {
		if info, err := os.Stat("/var/tmp"); err == nil && info.IsDir() {
			return "/var/tmp" // podman's own default: /tmp may be in memory
		}
	}
	return os.TempDir()
}

func (b *build) idFile() string { return filepath.Join(b.dir, "iid") }

func (b *build) command(ctx context.Context) (runner.Command, error) {
	cli := b.engine.cli
	args, env, err := b.dialectArgs()
	if err != nil {
		return runner.Command{}, err
	}
	args = append([]string{"build", "--iidfile", b.idFile()}, args...)
	if b.spec.NoCache {
		args = append(args, "--no-cache")
	}
	args = append(args, pairs("--build-arg", b.spec.Args)...)
	proxies, local := b.proxyArgs()
	network, err := b.networkArgs(ctx, local)
	if err != nil {
		return runner.Command{}, err
	}
	args = append(append(args, proxies...), network...)
	command := cli.command(append(args, b.spec.Dir)...)
	command.Env = append(slices.Clone(command.Env), env...)
	command.Grace = buildGrace
	return command, nil
}

// dialectArgs are the arguments and the environment that differ between the builders.
func (b *build) dialectArgs() (args, env []string, err error) {
	var file string
	switch b.engine.cli.dialect() {
	case dialectBuildah:
		var text string
		text, b.inserted = withArgLabels(b.file, b.spec.Args)
		file, err = b.labelled(text)
		// The default format would drop HEALTHCHECK; "never" fails on a missing base instead of asking for it.
		args = []string{"--format", "docker", "--pull=never", "--file", file, "--build-arg", markArg + "=" + b.mark}
		env = []string{"TMPDIR=" + b.dir}
	case dialectClassic:
		file, err = b.labelled(b.file.Insert(nil))
		args = []string{"--force-rm", "--file", file} // or the container of a failed RUN stays
		env = []string{"DOCKER_BUILDKIT=0"}
	case dialectBuildKit:
		args = append([]string{"--progress", "plain"}, pairs("--label", b.spec.Labels)...)
		env = []string{"DOCKER_BUILDKIT=1", "BUILDX_BUILDER=default"}
	}
	return args, env, err
}

// labelled writes the Dockerfile with the labels in one instruction at its end. As options each of them would be an
// instruction, and so a container and a layer, to builders that know no other way: a second in all.
func (b *build) labelled(text string) (file string, err error) {
	file = filepath.Join(b.dir, "Dockerfile")
	if err := os.WriteFile(file, []byte(text+labelLine(b.spec.Labels)), 0o600); err != nil {
		return "", fmt.Errorf("write the Dockerfile to build: %w", err)
	}
	return file, nil
}

// proxyArgs hands the proxies of the environment to RUN steps, as podman does by itself. They are predefined
// arguments: they are in no image and change no cache. local tells of one on this machine's loopback.
func (b *build) proxyArgs() (args []string, local bool) {
	for _, k := range []string{
		"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy",
	} {
		v := b.engine.opts.Getenv(k)
		if v == "" || b.spec.Args[k] != "" {
			continue
		}
		local = local || (!strings.EqualFold(k, "no_proxy") && isLoopbackURL(v))
		if b.engine.cli.kind == Docker {
			args = append(args, "--build-arg", k) // without a value: it is taken from the environment
		}
	}
	return args, local
}

// buildGrace is how long a cancelled builder has to end by itself.
const buildGrace = 10 * time.Second
