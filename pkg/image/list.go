package image

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// Status is what there is of one image of the catalogue.
type Status struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// an image of that name exists; everything below is about the one that is what the files in the checkout say, or else
	// about the one that is :latest, which another checkout may have built
	Built       bool           `json:"built"`
	Current     bool           `json:"current"` // it is what the files in the checkout say
	ID          engine.ImageID `json:"id"`
	InputDigest InputDigest    `json:"input_digest"` // the one it was built for
	Tags        []engine.Ref   `json:"tags"`         // not nil
	SizeBytes   int64          `json:"size_bytes"`
	Created     *time.Time     `json:"created"` // nil unless built
	// Updates are what Debian has for it; nil unless that was asked, and it is current.
	Updates *[]Update `json:"updates,omitempty"`
}

// Images lists every image of the catalogue, parents first, built or not. It builds nothing.
func (b *Builder) Images(ctx context.Context) ([]Status, error) {
	out := []Status{}
	for _, name := range b.Catalogue.names {
		s := Status{Name: name, Description: b.Catalogue.byName[name].Description, Tags: []engine.Ref{}}
		img, current, err := b.Present(ctx, name)
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			s.Built, s.Current, s.ID, s.SizeBytes, s.Created = true, current, img.ID, img.SizeBytes, &img.Created
			s.InputDigest = InputDigest(img.Labels[LabelDigest])
			s.Tags = append(s.Tags, img.Tags...)
			slices.Sort(s.Tags)
		}
		out = append(out, s)
	}
	return out, nil
}

// Present gives the image of that name that is what the files in the checkout say, or else the one that was built last,
// which may be another checkout's; current tells which. It is an [engine.ErrNotFound] that there is neither.
func (b *Builder) Present(ctx context.Context, name string) (img engine.Image, current bool, err error) {
	p, err := b.plan(name)
	if err != nil {
		return engine.Image{}, false, err
	}
	if err := b.lookUp(ctx, &p); err != nil {
		return engine.Image{}, false, err
	}
	own, err := b.Engine.ImageInspect(ctx, DigestRef(name, p.digest))
	if err == nil && p.made(own) {
		return own, true, nil
	}
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return engine.Image{}, false, err
	}
	latest, err := b.Engine.ImageInspect(ctx, LatestRef(name))
	return latest, err == nil && p.made(latest), err
}
