package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// ImageInspect describes an image of the local store, named by tag or ID. An unknown one is [ErrNotFound].
func (e *Engine) ImageInspect(ctx context.Context, ref Ref) (Image, error) {
	res, err := e.api.ImageInspect(ctx, string(ref))
	if err != nil {
		return Image{}, apiError(ctx, "inspect image", string(ref), err)
	}
	out := Image{
		ID: imageID(res.ID), Tags: refs(res.RepoTags), Digests: refs(res.RepoDigests),
		SizeBytes: res.Size, Created: parseTime(res.Created), Layers: res.RootFS.Layers,
	}
	if c := res.Config; c != nil {
		out.Labels, out.Env, out.User, out.StopSignal = c.Labels, c.Env, c.User, c.StopSignal
	}
	return out, nil
}

// ImageList lists the images that carry a label: "key" or "key=value". Env, User,
// StopSignal and Layers are not filled in: the engines do not list them.
func (e *Engine) ImageList(ctx context.Context, label string) ([]Image, error) {
	res, err := pastRemovedImages(ctx, func() (client.ImageListResult, error) {
		return e.api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", label)})
	})
	if err != nil {
		return nil, apiError(ctx, "list images with label", label, err)
	}
	key, value, exact := strings.Cut(label, "=")
	var out []Image
	for _, s := range res.Items {
		if got, ok := s.Labels[key]; ok && (!exact || got == value) {
			out = append(out, imageOf(s))
		}
	}
	return out, nil
}

func imageOf(s image.Summary) Image {
	return Image{
		ID: imageID(s.ID), Tags: refs(s.RepoTags), Digests: refs(s.RepoDigests),
		SizeBytes: s.Size, Created: time.Unix(s.Created, 0), Labels: s.Labels,
	}
}

// ImageTag gives an image one more name, taking it from the image that had it.
func (e *Engine) ImageTag(ctx context.Context, id ImageID, ref Ref) error {
	_, err := e.api.ImageTag(ctx, client.ImageTagOptions{Source: string(id), Target: string(ref)})
	return apiError(ctx, "tag image", string(ref), err)
}

// ImageRemove removes a tag, and the image with its last tag. One that does not exist is no error; one that
// a container uses is.
func (e *Engine) ImageRemove(ctx context.Context, ref Ref) error {
	_, err := e.api.ImageRemove(ctx, string(ref), client.ImageRemoveOptions{PruneChildren: true})
	return unlessAbsent(apiError(ctx, "remove image", string(ref), err))
}

// ImagePull fetches an image from its registry. Under DOCKER_CONTENT_TRUST it fetches nothing: that asks for images
// with a signature, which docker's own client checks and its API does not.
func (e *Engine) ImagePull(ctx context.Context, ref Ref) error {
	if trust := e.opts.Getenv("DOCKER_CONTENT_TRUST"); e.info.Kind == Docker && trust != "" {
		if on, err := strconv.ParseBool(trust); on || err != nil { // as docker reads it
			return fmt.Errorf("pull image %q: DOCKER_CONTENT_TRUST=%s asks for a signature, which is not checked here; fetch "+
				"it with docker pull, or unset that", ref, trust)
		}
	}
	res, err := e.api.ImagePull(ctx, string(ref), client.ImagePullOptions{})
	if err != nil {
		return apiError(ctx, "pull image", string(ref), err)
	}
	defer func() { _ = res.Close() }()
	return apiError(ctx, "pull image", string(ref), res.Wait(ctx))
}

// ImageImport makes an image of one layer from a tar archive of a root file system. Changes are Dockerfile
// instructions, such as `CMD ["bash"]`; docker 20.10 takes neither STOPSIGNAL nor HEALTHCHECK here.
func (e *Engine) ImageImport(ctx context.Context, rootfs io.Reader, ref Ref, changes []string) (ImageID, error) {
	if e.service != nil {
		return e.importByCommand(ctx, rootfs, ref, changes)
	}
	src := client.ImageImportSource{Source: rootfs, SourceName: "-"}
	res, err := e.api.ImageImport(ctx, src, string(ref), client.ImageImportOptions{Changes: changes})
	if err != nil {
		return "", apiError(ctx, "import image", string(ref), err)
	}
	defer func() { _ = res.Close() }()
	answer, err := io.ReadAll(res)
	if err != nil {
		return "", apiError(ctx, "import image", string(ref), err)
	}
	img, err := e.ImageInspect(ctx, ref)
	if errors.Is(err, ErrNotFound) {
		// The engines report a broken archive inside a successful answer.
		return "", fmt.Errorf("import image %q: %s", ref, strings.TrimSpace(string(answer)))
	}
	return img.ID, err
}

// importByCommand serves podman: its API (4.3) leaves a copy of the archive in /var/tmp. The reference is
// completed first, since the command line would put a short one under localhost.
func (e *Engine) importByCommand(ctx context.Context, rootfs io.Reader, ref Ref, changes []string) (ImageID, error) {
	full, err := reference.ParseNormalizedNamed(string(ref))
	if err != nil {
		return "", fmt.Errorf("import image %q: %w", ref, err)
	}
	args := []string{"import", "--quiet"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	command := e.cli.command(append(args, "-", reference.TagNameOnly(full).String())...)
	command.Stdin = rootfs
	if _, err := e.cli.runner.Run(ctx, command); err != nil {
		return "", fmt.Errorf("import image %q: %w", ref, err)
	}
	img, err := e.ImageInspect(ctx, ref)
	return img.ID, err
}

// imageID gives podman's bare IDs the algorithm that docker's have.
func imageID(id string) ImageID {
	if id == "" || strings.Contains(id, ":") {
		return ImageID(id)
	}
	return ImageID("sha256:" + id)
}

// refs drops the "<none>:<none>" that docker before 25 lists for an image without a name.
func refs(names []string) []Ref {
	var out []Ref
	for _, n := range names {
		if !strings.Contains(n, "<none>") {
			out = append(out, Ref(n))
		}
	}
	return out
}

// parseTime reads an engine's time; what it cannot read is the zero time.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// unlessAbsent makes removing what is not there a success.
func unlessAbsent(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
