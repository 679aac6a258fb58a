package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
)

// keepOld is how many images of one name are kept when a newer one is built, the newest among them.
const keepOld = 3

// find looks for an image with the inputs of p that stands on what p would stand on. When that base is not in
// the store any more, nothing is known against the image, and it is left as it is. The tag for code leads to it
// at once; only where someone has moved that are the labels of all images searched, which takes podman a second.
//
// An image without any tag is passed over: docker's classic builder leaves the stages of other builds in the
// store, and those that stand on p's image have inherited its labels.
func (b *Builder) find(ctx context.Context, p plan) (engine.Image, bool, error) {
	img, err := b.Engine.ImageInspect(ctx, DigestRef(p.def.Name, p.digest))
	if err == nil && p.made(img) {
		return img, true, nil
	}
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return engine.Image{}, false, err
	}
	images, err := b.Engine.ImageList(ctx, LabelDigest+"="+string(p.digest))
	if err != nil {
		return engine.Image{}, false, err
	}
	newestFirst(images)
	for _, img := range images {
		if len(img.Tags) > 0 && p.made(img) {
			return img, true, nil
		}
	}
	return engine.Image{}, false, nil
}

// made tells whether img is what a build of p makes.
func (p plan) made(img engine.Image) bool {
	return img.Labels[LabelImage] == p.def.Name && img.Labels[LabelDigest] == string(p.digest) && p.standsOn(img)
}

// standsOn tells whether img was built on the base of p, with files of its stages.
func (p plan) standsOn(img engine.Image) bool {
	stages := p.stageIDs()
	return (p.base.ID == "" || img.Labels[LabelBaseID] == string(p.base.ID)) &&
		(stages == "" || img.Labels[LabelStageIDs] == stages)
}

func newestFirst(images []engine.Image) {
	slices.SortStableFunc(images, func(a, b engine.Image) int { return b.Created.Compare(a.Created) })
}

// prune removes the images of p's name that are older than the last [keepOld], and the one that the build
// replaced under the same tags. What a container uses stays, as the engine refuses to remove it, and so does
// every tag that others gave. It is not worth failing a build that has succeeded: what cannot be removed is
// told in the log only.
func (b *Builder) prune(ctx context.Context, p plan, built engine.ImageID, replaced engine.Image, log io.Writer) {
	images, err := b.Engine.ImageList(ctx, LabelImage+"="+p.def.Name)
	if err != nil {
		_, _ = fmt.Fprintf(log, "look for old images: %v\n", err)
		return
	}
	newestFirst(images)
	kept := 1 // the one just built
	for _, img := range images {
		switch tags := ownTags(img, p.def.Name); {
		case img.ID == built || img.Labels[LabelImage] != p.def.Name:
		case len(img.Tags) == 0 && img.ID == replaced.ID:
			b.remove(ctx, engine.Ref(img.ID), log)
		case len(tags) > 0 && kept < keepOld:
			kept++
		default:
			for _, tag := range tags {
				b.remove(ctx, tag, log)
			}
		}
	}
}

// remove removes an old image, and says so in the log.
func (b *Builder) remove(ctx context.Context, ref engine.Ref, log io.Writer) {
	if err := b.Engine.ImageRemove(ctx, ref); err != nil {
		_, _ = fmt.Fprintf(log, "keep old image %s: %v\n", ref, err)
		return
	}
	_, _ = fmt.Fprintf(log, "removed old image %s\n", ref)
}

// ownTags gives the tags of img that a builder gave it under name; :latest is never among those of an image
// that is to be removed, since it has just moved.
func ownTags(img engine.Image, name string) []engine.Ref {
	var out []engine.Ref
	for _, ref := range img.Tags {
		if strings.HasPrefix(string(ref), Repository+"/"+name+":") {
			out = append(out, ref)
		}
	}
	return out
}
