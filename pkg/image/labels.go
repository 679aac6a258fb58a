package image

import (
	"context"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/poststack/poststack/pkg/runner"
)

// The labels that the builder puts on an image, beside the OCI ones (org.opencontainers.image.*).
const (
	LabelDigest = "org.poststack.input-digest" // the InputDigest it was built for
	LabelImage  = "org.poststack.image"        // its name in the catalogue
	LabelBaseID = "org.poststack.base-id"      // engine.ImageID of what it stands on
	// LabelStageIDs has the engine.ImageIDs of the images that it took files from, in the order of their arguments.
	LabelStageIDs = "org.poststack.stage-ids"
)

// projectURL is where Poststack's sources are, for the label org.opencontainers.image.source.
const projectURL = "https://github.com/poststack/poststack"

// labels gives the labels of an image about to be built. Those that differ from run to run (created,
// revision) are not part of the input digest.
func (b *Builder) labels(ctx context.Context, p plan, base Base) map[string]string {
	out := map[string]string{
		LabelDigest: string(p.digest),
		LabelImage:  p.def.Name,
		LabelBaseID: string(base.ID),

		ocispec.AnnotationTitle:         p.def.Name,
		ocispec.AnnotationVersion:       p.digest.Short(),
		ocispec.AnnotationCreated:       b.now().UTC().Format(time.RFC3339),
		ocispec.AnnotationSource:        projectURL,
		ocispec.AnnotationBaseImageName: string(base.Ref),
	}
	if stages := p.stageIDs(); stages != "" {
		out[LabelStageIDs] = stages
	}
	if base.Digest != "" {
		out[ocispec.AnnotationBaseImageDigest] = base.Digest
	}
	if revision := b.revision(ctx); revision != "" {
		out[ocispec.AnnotationRevision] = revision
	}
	return out
}

// revision is the checkout's commit, with "-dirty" behind it when files differ from it. It is "" outside a
// git checkout, without git, and where git refuses to look (a checkout that belongs to someone else).
func (b *Builder) revision(ctx context.Context) string {
	git := func(args ...string) (string, error) {
		res, err := b.Runner.Run(ctx,
			runner.Command{Program: "git", Args: args, Dir: b.Root, Env: []string{"GIT_OPTIONAL_LOCKS=0"}})
		return strings.TrimSpace(res.Stdout), err
	}
	commit, err := git("rev-parse", "--verify", "HEAD")
	if err != nil || commit == "" {
		return ""
	}
	changed, err := git("status", "--porcelain")
	if err != nil || changed != "" {
		return commit + "-dirty"
	}
	return commit
}
