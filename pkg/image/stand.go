package image

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/poststack/poststack/pkg/event"
)

// base gives the image that p stands on: its parent, or Debian from wherever it can be had.
func (b *Builder) base(ctx context.Context, p plan, o Options, log io.Writer, r event.Reporter) (Base, error) {
	if p.def.Parent != "" {
		if p.base.ID == "" {
			return Base{}, p.notBuilt(p.def.Parent)
		}
		return p.base, nil
	}
	d := b.debian(log)
	if o.NoCache {
		return o.Renewal.resolve(ctx, d, r)
	}
	return d.resolve(ctx, r)
}

// Renewal has the builds of one run that take nothing from a cache get Debian anew once: images that stand on an
// earlier one would all have to be built again. Its zero value is ready.
type Renewal struct {
	mu   sync.Mutex
	done bool
}

// resolve gives Debian anew, or the one that another build of the run has got. A nil Renewal is a run of one build.
func (n *Renewal) resolve(ctx context.Context, d debian, r event.Reporter) (Base, error) {
	if n == nil {
		n = &Renewal{}
	}
	if !n.mu.TryLock() {
		r.Step("waiting for Debian, which another build is getting")
		n.mu.Lock()
	}
	defer n.mu.Unlock()
	d.fresh = !n.done
	base, err := d.resolve(ctx, r)
	n.done = n.done || err == nil
	return base, err
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
	if b.Known != nil {
		if res, ok := b.Known(name); ok && res.InputDigest == digest {
			return res.base, nil
		}
	}
	return inspectBase(ctx, b.Engine, DigestRef(name, digest))
}

// checkStages tells which image that p takes files from is not built.
func (p plan) checkStages() error {
	for _, arg := range keys(p.def.Stages) {
		if p.stages[arg].ID == "" {
			return p.notBuilt(p.def.Stages[arg])
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
