package image

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

// Engine is what a [Builder] needs of an engine; *engine.Engine has it. ImageInspect of an unknown image gives
// engine.ErrNotFound; ImageRemove of one is no error, and it refuses an image that a container uses.
type Engine interface {
	ImageInspect(ctx context.Context, ref engine.Ref) (engine.Image, error)
	ImageList(ctx context.Context, label string) ([]engine.Image, error)
	ImageTag(ctx context.Context, id engine.ImageID, ref engine.Ref) error
	ImageRemove(ctx context.Context, ref engine.Ref) error
	ImagePull(ctx context.Context, ref engine.Ref) error
	ImageImport(ctx context.Context, rootfs io.Reader, ref engine.Ref, changes []string) (engine.ImageID, error)
	Build(ctx context.Context, spec engine.BuildSpec) (engine.BuildOutput, error)
	Guard() error
}

// LogFile is a log of one operation. Path is as people are told it, relative to the checkout.
type LogFile interface {
	io.WriteCloser
	Path() string
}

// Builder builds the images of a catalogue. Its methods may be used side by side: one image is built once at
// a time on a machine, also by other processes with the same CacheDir; the others wait and find it built.
type Builder struct {
	Catalogue *Catalogue
	Engine    Engine
	Runner    runner.Runner // git, npm, mmdebstrap
	// OpenLog makes the log file of an operation such as "postgres_build". It is called when something is
	// really built.
	OpenLog func(operation string) (LogFile, error)

	Root        string        // the checkout
	CacheDir    string        // artifacts and locks; it is made when it is not there
	ArtifactDir string        // looked into for artifacts before any download; "" is none
	Suite       Suite         // of Debian, for the images without a parent
	Timeout     time.Duration // of one image's build, with its downloads; 0 is none
	PullTimeout time.Duration // of the attempt to pull Debian; 0 is 30 s
	Now         func() time.Time

	// Known gives what was built or found in this run, so that it need not be asked for again by each image that stands
	// on it; nil knows of nothing.
	Known func(name string) (Result, bool)
}

// Options of one build.
type Options struct {
	Force   bool // builds also what is up to date
	NoCache bool // builds every step anew, on a Debian pulled or bootstrapped anew; it implies Force
	// Renewal is shared by the builds that get that Debian together; nil if there is one build.
	Renewal *Renewal
}

// Result is an image that was built, or found up to date.
type Result struct {
	Name        string
	Ref         engine.Ref // for people, :latest
	DigestRef   engine.Ref // for code: always the image with these inputs
	ID          engine.ImageID
	InputDigest InputDigest
	SizeBytes   int64 // unpacked
	Duration    time.Duration
	Skipped     bool // it was up to date, and nothing was built
	CachedSteps int
	Steps       int
	Log         string        // path of the build's log relative to the checkout; "" when skipped
	StepTimes   []engine.Step // in order; empty when skipped

	base Base // what stands on it stands on
}

// plan is what is known of an image before it is built.
type plan struct {
	def    Definition
	digest InputDigest
	args   map[string]string
	base   Base // what it would stand on, as far as that is in the store; zero otherwise
	// stages are what Definition.Stages would name, by argument, likewise.
	stages map[string]Base
}

func (b *Builder) now() time.Time {
	if b.Now == nil {
		return time.Now()
	}
	return b.Now()
}

// Digest gives the input digest of an image as its files are now.
func (b *Builder) Digest(name string) (InputDigest, error) { return b.Catalogue.Digest(name, b.Suite) }

// Build makes sure that the image of that name is what its inputs say. An image in the store that carries
// their digest, and stands on the image that is its base now, is left as it is: then only its tags are put
// right. Its parent must be built already.
//
// A build that does not succeed is a [*BuildError], and leaves the last good image and its tags in place.
func (b *Builder) Build(ctx context.Context, name string, o Options, r event.Reporter) (Result, error) {
	start := b.now()
	if b.Timeout > 0 {
		var cancel context.CancelFunc
		cause := fmt.Errorf("it took longer than %s (POSTSTACK_TIMEOUT_BUILD)", b.Timeout)
		ctx, cancel = context.WithTimeoutCause(ctx, b.Timeout, cause)
		defer cancel()
	}
	p, err := b.plan(name)
	if err != nil {
		return Result{}, err
	}
	res, done, err := b.upToDate(ctx, &p, o)
	if err == nil && !done {
		res, err = b.buildAlone(ctx, p, o, r)
	}
	if err != nil {
		return Result{}, err
	}
	res.Duration = b.now().Sub(start)
	return res, nil
}

// plan is what the files say of an image now.
func (b *Builder) plan(name string) (plan, error) {
	digest, err := b.Digest(name)
	def := b.Catalogue.byName[name]
	return plan{def: def, digest: digest, args: def.expandArgs(b.Suite)}, err
}

// buildAlone builds p, one process at a time; who had to wait may find it built.
func (b *Builder) buildAlone(ctx context.Context, p plan, o Options, r event.Reporter) (Result, error) {
	unlock, err := lock(ctx, b.CacheDir, "build-"+p.def.Name, func() {
		r.Step(fmt.Sprintf("waiting for another process that builds %s", p.def.Name))
	})
	if err != nil {
		return Result{}, &BuildError{Image: p.def.Name, Err: err}
	}
	defer unlock()
	res, done, err := b.upToDate(ctx, &p, o)
	if err != nil || done {
		return res, err
	}
	return b.build(ctx, p, o, r)
}

// upToDate looks for an image that need not be built, and puts its tags right. It notes in p what p would stand
// on.
func (b *Builder) upToDate(ctx context.Context, p *plan, o Options) (Result, bool, error) {
	if err := b.lookUp(ctx, p); err != nil {
		return Result{}, false, &BuildError{Image: p.def.Name, Err: err}
	}
	if o.Force || o.NoCache {
		return Result{}, false, nil
	}
	img, ok, err := b.find(ctx, *p)
	if err == nil && ok {
		err = b.tag(ctx, *p, img)
	}
	if err != nil {
		return Result{}, false, &BuildError{Image: p.def.Name, Err: err}
	}
	res := p.result(img)
	res.Skipped = true
	return res, ok, nil
}

// result describes img, an image made for p.
func (p plan) result(img engine.Image) Result {
	return Result{
		Name: p.def.Name, Ref: LatestRef(p.def.Name), DigestRef: DigestRef(p.def.Name, p.digest),
		ID: img.ID, InputDigest: p.digest, SizeBytes: img.SizeBytes, base: baseOf(DigestRef(p.def.Name, p.digest), img),
	}
}
