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
	for _, name := range b.Catalogue.Names() {
		def, err := b.Catalogue.Get(name)
		if err != nil {
			return nil, err
		}
		s := Status{Name: name, Description: def.Description, Tags: []engine.Ref{}}
		img, err := b.Engine.ImageInspect(ctx, LatestRef(name))
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			if s, err = b.status(ctx, s, def, img); err != nil {
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// status fills s in from the image that is current, or else from latest.
func (b *Builder) status(ctx context.Context, s Status, def Definition, latest engine.Image) (Status, error) {
	digest, err := b.Digest(def.Name)
	if err != nil {
		return s, err
	}
	p := plan{def: def, digest: digest}
	if err := b.lookUp(ctx, &p); err != nil {
		return s, err
	}
	img := latest
	if !p.made(latest) {
		own, err := b.Engine.ImageInspect(ctx, DigestRef(def.Name, digest))
		switch {
		case err == nil && p.made(own):
			img = own
		case err != nil && !errors.Is(err, engine.ErrNotFound):
			return s, err
		}
	}
	s.Built, s.ID, s.SizeBytes, s.Created = true, img.ID, img.SizeBytes, &img.Created
	s.InputDigest = InputDigest(img.Labels[LabelDigest])
	s.Tags = append(s.Tags, img.Tags...)
	slices.Sort(s.Tags)
	s.Current = p.made(img)
	return s, nil
}
