package enginetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// ImageInspect finds an image by tag or ID.
func (f *Fake) ImageInspect(ctx context.Context, ref engine.Ref) (engine.Image, error) {
	if err := f.enter(ctx, "ImageInspect", string(ref)); err != nil {
		return engine.Image{}, err
	}
	defer f.mu.Unlock()
	if img := f.image(ref); img != nil {
		return clone(img), nil
	}
	return engine.Image{}, fmt.Errorf("inspect image %q: %w", ref, engine.ErrNotFound)
}

// ImageList finds images by "key" or "key=value".
func (f *Fake) ImageList(ctx context.Context, label string) ([]engine.Image, error) {
	if err := f.enter(ctx, "ImageList", label); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	key, value, exact := strings.Cut(label, "=")
	var out []engine.Image
	for _, id := range slices.Sorted(maps.Keys(f.images)) {
		got, ok := f.images[id].Labels[key]
		if ok && (!exact || got == value) {
			out = append(out, clone(f.images[id]))
		}
	}
	return out, nil
}

// ImageHistory gives one layer of the image's size, or what OnHistory says.
func (f *Fake) ImageHistory(ctx context.Context, ref engine.Ref) ([]engine.Layer, error) {
	img, err := f.ImageInspect(ctx, ref)
	if err != nil {
		return nil, err
	}
	if f.OnHistory != nil {
		return f.OnHistory(img), nil
	}
	return []engine.Layer{{Instruction: "fake", SizeBytes: img.SizeBytes}}, nil
}

// ImageTag moves a tag.
func (f *Fake) ImageTag(ctx context.Context, id engine.ImageID, ref engine.Ref) error {
	if err := f.enter(ctx, "ImageTag", string(ref)); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if f.images[id] == nil {
		return fmt.Errorf("tag image %q: %w", ref, engine.ErrNotFound)
	}
	f.tag(id, ref)
	return nil
}

// ImageRemove removes a tag, and the image with its last one.
func (f *Fake) ImageRemove(ctx context.Context, ref engine.Ref) error {
	if err := f.enter(ctx, "ImageRemove", string(ref)); err != nil {
		return err
	}
	defer f.mu.Unlock()
	img := f.image(ref)
	if img == nil {
		return nil
	}
	img.Tags = slices.DeleteFunc(img.Tags, func(t engine.Ref) bool { return t == ref })
	if len(img.Tags) == 0 {
		delete(f.images, img.ID)
	}
	return nil
}

// ImagePull takes an image from Registry.
func (f *Fake) ImagePull(ctx context.Context, ref engine.Ref) error {
	if err := f.enter(ctx, "ImagePull", string(ref)); err != nil {
		return err
	}
	img, ok := f.Registry[ref]
	f.mu.Unlock()
	if !ok {
		return fmt.Errorf("pull image %q: %w", ref, engine.ErrNotFound)
	}
	img.Tags = append(img.Tags, ref)
	f.AddImage(img)
	return nil
}

// ImageImport keeps the archive's hash as the ID, and the LABEL, ENV, USER and STOPSIGNAL changes.
func (f *Fake) ImageImport(
	ctx context.Context, rootfs io.Reader, ref engine.Ref, changes []string,
) (engine.ImageID, error) {
	if err := f.enter(ctx, "ImageImport", string(ref)); err != nil {
		return "", err
	}
	f.mu.Unlock()
	h := sha256.New()
	size, err := io.Copy(h, rootfs)
	if err != nil {
		return "", fmt.Errorf("import image %q: %w", ref, err)
	}
	fmt.Fprint(h, ref, changes)
	img := engine.Image{
		ID: engine.ImageID("sha256:" + hex.EncodeToString(h.Sum(nil))), Tags: []engine.Ref{ref},
		SizeBytes: size, Created: time.Now(), Labels: map[string]string{},
	}
	for _, c := range changes {
		verb, rest, _ := strings.Cut(c, " ")
		switch strings.ToUpper(verb) {
		case "LABEL":
			k, v, _ := strings.Cut(rest, "=")
			img.Labels[k] = strings.Trim(v, `"`)
		case "ENV":
			img.Env = append(img.Env, rest)
		case "USER":
			img.User = rest
		case "STOPSIGNAL":
			img.StopSignal = rest
		}
	}
	return f.AddImage(img), nil
}

// Build records spec and makes an image with its labels. The same spec over the same Dockerfile gives the
// same image, unless NoCache is set.
func (f *Fake) Build(ctx context.Context, spec engine.BuildSpec) (engine.BuildOutput, error) {
	name := spec.Dir
	if len(spec.Tags) > 0 {
		name = string(spec.Tags[0])
	}
	if err := f.enter(ctx, "Build", name); err != nil {
		return engine.BuildOutput{}, err
	}
	f.builds = append(f.builds, spec)
	f.mu.Unlock()
	text, err := os.ReadFile(filepath.Join(spec.Dir, "Dockerfile"))
	if err != nil {
		return engine.BuildOutput{}, fmt.Errorf("build image %q: %w", name, err)
	}
	if f.OnBuild != nil {
		if err := f.OnBuild(spec); err != nil {
			return engine.BuildOutput{}, err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return engine.BuildOutput{}, fmt.Errorf("build image %q: %w", name, err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %v", text, spec.Args) // maps print sorted
	f.mu.Lock()
	if spec.NoCache {
		fmt.Fprint(h, f.id("build"))
	}
	layers := []string{hex.EncodeToString(h.Sum(nil))}
	fmt.Fprintf(h, " %v", spec.Labels)
	id := engine.ImageID("sha256:" + hex.EncodeToString(h.Sum(nil)))
	cached := false
	for _, img := range f.images {
		cached = cached || slices.Equal(img.Layers, layers)
	}
	f.mu.Unlock()
	img := engine.Image{
		ID: id, Tags: spec.Tags, SizeBytes: int64(len(text)),
		Created: time.Now(), Labels: maps.Clone(spec.Labels), Layers: layers,
	}
	f.AddImage(img)
	return engine.BuildOutput{ID: id, Steps: fakeSteps(spec, string(text), cached)}, nil
}

// fakeSteps reports each line of a Dockerfile as a step.
func fakeSteps(spec engine.BuildSpec, text string, cached bool) []engine.Step {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var out []engine.Step
	for i, line := range lines {
		s := engine.Step{Number: i + 1, Total: len(lines), Text: line, Cached: cached, Duration: time.Millisecond}
		out = append(out, s)
		if spec.OnStep != nil {
			spec.OnStep(s)
		}
		if spec.Log != nil {
			_, _ = fmt.Fprintf(spec.Log, "STEP %d/%d: %s\n", s.Number, s.Total, line)
		}
	}
	return out
}

// image finds by tag, where no tag means latest, or by ID.
func (f *Fake) image(ref engine.Ref) *engine.Image {
	for id, img := range f.images {
		if string(id) == string(ref) || slices.Contains(img.Tags, ref) || slices.Contains(img.Tags, ref+":latest") {
			return img
		}
	}
	return nil
}

// tag gives ref to id and takes it from the image that had it.
func (f *Fake) tag(id engine.ImageID, ref engine.Ref) {
	for _, img := range f.images {
		img.Tags = slices.DeleteFunc(img.Tags, func(t engine.Ref) bool { return t == ref })
	}
	f.images[id].Tags = append(f.images[id].Tags, ref)
}

func clone(img *engine.Image) engine.Image {
	out := *img
	out.Tags, out.Labels = slices.Clone(img.Tags), maps.Clone(img.Labels)
	return out
}
