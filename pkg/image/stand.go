package image

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// base gives the image that p stands on: its parent, or Debian from wherever it can be had.
func (b *Builder) base(ctx context.Context, p plan, o Options, log io.Writer, r event.Reporter) (Base, error) {
	if p.def.Parent != "" {
		if p.base.ID == "" {
			return Base{}, &ParentError{Image: p.def.Name, Parent: p.def.Parent}
		}
		return p.base, nil
	}
	d := b.debian(log)
	if o.NoCache {
		renewed, err := b.renewed(ctx, p)
		if err != nil {
			return Base{}, err
		}
		d.fresh = !renewed
	}
	return d.resolve(ctx, r)
}

// renewed tells whether the Debian in the store has come there since p's image was built: then another image's build
// has got it, and it is not got once more. Images that stand on it would all have to be built again.
func (b *Builder) renewed(ctx context.Context, p plan) (bool, error) {
	img, err := b.Engine.ImageInspect(ctx, LatestRef(p.def.Name))
	if errors.Is(err, engine.ErrNotFound) {
		return false, nil
	}
	return err == nil && p.base.ID != "" && img.Labels[LabelBaseID] != string(p.base.ID), err
}

// lookUp notes in p what it would stand on and take files from, as far as that is in the store.
func (b *Builder) lookUp(ctx context.Context, p *plan) (err error) {
	if p.def.Parent == "" {
		p.base, err = b.debian(io.Discard).stored(ctx)
	} else {
		p.base, err = b.stored(ctx, p.def.Parent)
	}
	p.stages = map[string]Base{}
	for _, arg := range keys(p.def.Stages) {
		if err == nil {
			p.stages[arg], err = b.stored(ctx, p.def.Stages[arg])
		}
	}
	return err
}

// stored gives the image of that name with its present inputs, or the zero Base.
func (b *Builder) stored(ctx context.Context, name string) (Base, error) {
	digest, err := b.Digest(name)
	if err != nil {
		return Base{}, err
	}
	return inspectBase(ctx, b.Engine, DigestRef(name, digest))
}

// checkStages tells which image that p takes files from is not built.
func (p plan) checkStages() error {
	for _, arg := range keys(p.def.Stages) {
		if p.stages[arg].ID == "" {
			return &ParentError{Image: p.def.Name, Parent: p.def.Stages[arg]}
		}
	}
	return nil
}

// stageIDs joins the IDs of the images that p takes files from; it is "" while one of them is not built.
func (p plan) stageIDs() string {
	var out []string
	for _, arg := range keys(p.stages) {
		if p.stages[arg].ID == "" {
			return ""
		}
		out = append(out, string(p.stages[arg].ID))
	}
	return strings.Join(out, ",")
}
