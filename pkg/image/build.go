package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/session"
)

// build builds p, tags it and removes what is old.
func (b *Builder) build(ctx context.Context, p plan, o Options, r event.Reporter) (res Result, err error) {
	log, err := b.OpenLog(p.def.Name + "_build")
	if err != nil {
		return Result{}, &BuildError{Image: p.def.Name, Err: fmt.Errorf("open the build's log: %w", err)}
	}
	defer func() {
		if err != nil {
			err = newBuildError(p.def.Name, log.Path(), err)
			_, _ = fmt.Fprintf(log, "\n%v\n", err)
		}
		if lost := log.Close(); lost != nil {
			r.Warn(lost.Error())
		}
	}()
	base, err := b.base(ctx, p, o, log, r)
	if err != nil {
		return Result{}, err
	}
	if err := p.checkStages(); err != nil {
		return Result{}, err
	}
	files, err := b.artifacts(log).fetch(ctx, p.def, r)
	if err != nil {
		return Result{}, err
	}
	replaced, err := b.Engine.ImageInspect(ctx, DigestRef(p.def.Name, p.digest)) // zero if there is none
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return Result{}, err
	}
	out, err := b.runBuild(ctx, p, base, files, o, log, r)
	if err != nil {
		return Result{}, err
	}
	img, err := b.Engine.ImageInspect(ctx, engine.Ref(out.ID))
	if err != nil {
		return Result{}, err
	}
	img, err = b.keepEqual(ctx, p, replaced, img, log)
	if err != nil {
		return Result{}, err
	}
	b.prune(ctx, p, img.ID, replaced, log)
	res = p.result(img)
	res.Log = log.Path()
	res.setSteps(out.Steps)
	return res, nil
}

// stagingDir is where below the cache directory contexts are staged.
const stagingDir = "staging"

// runBuild stages the context in a directory of its own and builds it under its digest tag: nobody's :latest
// moves before the image is whole.
func (b *Builder) runBuild(
	ctx context.Context, p plan, base Base, files map[string]string, o Options, log io.Writer, r event.Reporter,
) (engine.BuildOutput, error) {
	staging := filepath.Join(b.CacheDir, stagingDir)
	session.SweepTemp(staging, "context")
	// what is below has the modes of images
	if err := errors.Join(os.MkdirAll(staging, 0o700), os.Chmod(staging, 0o700)); err != nil {
		return engine.BuildOutput{}, fmt.Errorf("stage the build context: %w", err)
	}
	dir, err := os.MkdirTemp(staging, session.Temp("context"))
	if err != nil {
		return engine.BuildOutput{}, fmt.Errorf("stage the build context: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := b.Catalogue.stage(p.def.Name, b.Suite, files, dir); err != nil {
		return engine.BuildOutput{}, err
	}
	args := map[string]string{baseArg: string(base.Ref)}
	maps.Copy(args, p.args)
	for k, stage := range p.stages {
		args[k] = string(stage.Ref)
	}
	if now, err := b.Digest(p.def.Name); err != nil || now != p.digest {
		return engine.BuildOutput{}, errors.Join(err,
			errors.New("the image's files have changed while they were copied: build again"))
	}
	return b.Engine.Build(ctx, engine.BuildSpec{
		Dir: dir, Tags: []engine.Ref{DigestRef(p.def.Name, p.digest)}, Args: args,
		Labels: b.labels(ctx, p, base), NoCache: o.NoCache, Log: log,
		OnStep: func(s engine.Step) { reportStep(s, r) },
	})
}

// keepEqual gives p's tags to the image that was just built, or back to the one that it replaced, when all steps came
// from the cache, so that only labels differ, such as the time. What stands on that one, or runs it, stays as it is.
func (b *Builder) keepEqual(
	ctx context.Context, p plan, replaced, built engine.Image, log io.Writer,
) (engine.Image, error) {
	if replaced.ID == built.ID || !p.made(replaced) || !slices.Equal(replaced.Layers, built.Layers) {
		return built, b.tag(ctx, p, built)
	}
	kept, err := b.Engine.ImageInspect(ctx, engine.Ref(replaced.ID)) // it has lost a tag
	if err != nil {
		return built, b.tag(ctx, p, built)
	}
	if err := b.tag(ctx, p, kept); err != nil {
		return engine.Image{}, err
	}
	_, _ = fmt.Fprintf(log, "nothing in it differs from image %s, which stays\n", kept.ID)
	b.remove(ctx, engine.Ref(built.ID), log)
	return kept, nil
}

// tag gives img its digest tag and, last, the one for people; a tag that is right already is not touched.
func (b *Builder) tag(ctx context.Context, p plan, img engine.Image) error {
	for _, ref := range []engine.Ref{DigestRef(p.def.Name, p.digest), LatestRef(p.def.Name)} {
		if slices.Contains(img.Tags, ref) {
			continue
		}
		if err := b.Engine.ImageTag(ctx, img.ID, ref); err != nil {
			return err
		}
	}
	return nil
}
