package stack

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// BuildOptions are what a user asks of all builds of a run.
type BuildOptions struct {
	Force   bool // build unchanged images too
	NoCache bool // ignore the engine's layer cache
	Renew   bool // do so for what Debian has updates for
}

// buildKey finds the build options in a context.
type buildKey struct{}

// WithBuild returns a context whose builds follow o.
func WithBuild(ctx context.Context, o BuildOptions) context.Context {
	return context.WithValue(ctx, buildKey{}, o)
}

// The images that a target names.
const (
	baseImage      = "base-debian"
	postgresImage  = "postgres"
	liquibaseImage = "liquibase"
)

// BuildBase builds the base image.
func (s *Stack) BuildBase(ctx context.Context) error { return s.build(ctx, "build:base", baseImage) }

// BuildPostgres builds the PostgreSQL image; the base image must be built.
func (s *Stack) BuildPostgres(ctx context.Context) error {
	return s.build(ctx, "build:postgres", postgresImage)
}

// BuildLiquibase builds the Liquibase image; the base image must be built.
func (s *Stack) BuildLiquibase(ctx context.Context) error {
	return s.build(ctx, "build:liquibase", liquibaseImage)
}

// BuildStages builds the images that Liquibase's takes files from, but for the base image. They stand on Debian itself.
func (s *Stack) BuildStages(ctx context.Context) error {
	images, err := s.catalogue()
	if err != nil {
		return s.failure("build:liquibase", BuildWork, err) // as the base image's build, which runs beside, fails of it
	}
	for _, name := range images.Stages(liquibaseImage) {
		if name == baseImage {
			continue
		}
		if err := s.build(ctx, "build:"+name, name); err != nil {
			return err
		}
	}
	return nil
}

// BuildRest builds the images of the catalogue that no target before it builds, side by side.
func (s *Stack) BuildRest(ctx context.Context) error {
	return s.buildThese(ctx, "build:all", func(images *image.Catalogue) (names, before []string, err error) {
		return images.Names(), append(images.Stages(liquibaseImage), baseImage, postgresImage, liquibaseImage), nil
	})
}

// BuildImage builds an image, and what it takes files from; the base image must be built.
func (s *Stack) BuildImage(ctx context.Context, name string) error {
	return s.buildThese(ctx, "build:"+name, func(images *image.Catalogue) (names, before []string, err error) {
		_, err = images.Get(name)
		return []string{name}, []string{baseImage}, err
	})
}

// BuildServices builds the images of the services that [Stack.StartServices] starts, side by side; the base image must
// be built.
func (s *Stack) BuildServices(ctx context.Context, only string) error {
	return s.buildThese(ctx, "build:services", func(images *image.Catalogue) (names, before []string, err error) {
		names, err = s.selected(images, serviceWork{only: only, needs: true})
		return names, []string{baseImage}, err
	})
}

// buildThese builds images with what they stand on and take files from, side by side, but for those that were built
// before.
func (s *Stack) buildThese(
	ctx context.Context, target string, choose func(*image.Catalogue) (names, before []string, err error),
) error {
	var names, before []string
	images, err := s.catalogue()
	if err == nil {
		names, before, err = choose(images)
	}
	if err != nil {
		return s.failure(target, Usage, err)
	}
	needs := func(name string) []string { return append(images.Parents(name), images.Stages(name)...) }
	for _, name := range slices.Clone(names) {
		names = append(names, needs(name)...)
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return slices.Contains(before, name) })
	return service.InOrder(ctx, names, needs, func(ctx context.Context, name string, _ func()) error {
		return s.build(ctx, "build:"+name, name)
	})
}

// build makes one image, or finds it unchanged.
func (s *Stack) build(ctx context.Context, phase, name string) error {
	return s.run(ctx, phase, BuildWork, func(ctx context.Context, r event.Reporter) (ended, error) {
		builder, err := s.builder(ctx)
		if err != nil {
			return ended{}, err
		}
		asked, _ := ctx.Value(buildKey{}).(BuildOptions)
		res, err := builder.Build(ctx, name,
			image.Options{Force: asked.Force, NoCache: asked.NoCache || s.renew[name], Renewal: &s.renewal}, r)
		if err != nil {
			return ended{}, err
		}
		s.built.Store(name, res) // what it starts afterwards is that, also when someone edits a file meanwhile
		text := fmt.Sprintf("%s, %s", res.DigestRef, units.HumanSize(float64(res.SizeBytes)))
		if res.Skipped {
			return ended{Outcome: event.Unchanged, Text: text, Data: imageData(res)}, nil
		}
		text += fmt.Sprintf(", ID %s, %d of %d steps cached", shortID(string(res.ID)), res.CachedSteps, res.Steps)
		return ended{Outcome: event.Done, Text: text, Log: res.Log, Data: imageData(res)}, nil
	})
}

// builder makes the images of this checkout.
func (s *Stack) builder(ctx context.Context) (*image.Builder, error) {
	images, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	e, err := s.engine(ctx)
	if err != nil {
		return nil, err
	}
	return &image.Builder{
		Catalogue: images, Engine: e, Runner: s.Runner, Root: s.Config.Root, CacheDir: s.Config.CacheDir,
		OpenLog:     func(operation string) (image.LogFile, error) { return s.Logs.Container(operation) },
		ArtifactDir: s.Config.ArtifactDir, Suite: image.Suite(s.Config.DebianSuite),
		Timeout: s.Config.Timeout.Build, PullTimeout: s.Config.Timeout.Pull, Known: s.known,
	}, nil
}

// known is what this run built of that name, or found current.
func (s *Stack) known(name string) (image.Result, bool) {
	found, _ := s.built.Load(name)
	res, ok := found.(image.Result)
	return res, ok
}

// imageRef names the image that this run built or found current, or else the image of these inputs, whether
// it is built or not.
func (s *Stack) imageRef(name string) (engine.Ref, error) {
	if res, ok := s.known(name); ok {
		return res.DigestRef, nil
	}
	images, err := s.catalogue()
	if err != nil {
		return "", err
	}
	digest, err := images.Digest(name, image.Suite(s.Config.DebianSuite))
	if err != nil {
		return "", err
	}
	return image.DigestRef(name, digest), nil
}

// shortID is an image ID as the engines print it.
func shortID(id string) string {
	const algorithm, digits = len("sha256:"), 12
	if len(id) < algorithm+digits {
		return id
	}
	return id[algorithm : algorithm+digits]
}
