package image_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
)

// logs keeps what the builds wrote, by operation.
type logs struct {
	mu   sync.Mutex
	text map[string]*bytes.Buffer
}

type logFile struct {
	*bytes.Buffer
	name string
}

func (logFile) Close() error   { return nil }
func (l logFile) Path() string { return "logs/containers/" + l.name + ".log" }

func (l *logs) open(operation string) (image.LogFile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == nil {
		l.text = map[string]*bytes.Buffer{}
	}
	l.text[operation] = &bytes.Buffer{}
	return logFile{l.text[operation], operation}, nil
}

// git answers as in a checkout with changes.
func git(context.Context, runner.Command) (runner.Result, error) {
	return runner.Result{Stdout: "0123abc\n"}, nil
}

// newBuilder is a builder of dir's images on a fake engine that has Debian.
func newBuilder(t *testing.T, dir string) (*image.Builder, *enginetest.Fake, *logs) {
	t.Helper()
	fake, l := enginetest.NewFake(), &logs{}
	fake.AddImage(engine.Image{ID: "sha256:debian", Tags: []engine.Ref{officialDebian}})
	return &image.Builder{
		Catalogue: load(t, dir), Engine: fake, Runner: runner.Func(git), OpenLog: l.open,
		Root: dir, CacheDir: t.TempDir(), Suite: "bookworm",
	}, fake, l
}

// reload reads the catalogue again, as the next command does.
func reload(t *testing.T, b *image.Builder, dir string) {
	t.Helper()
	b.Catalogue = load(t, dir)
}

func build(t *testing.T, b *image.Builder, name string, o image.Options) image.Result {
	t.Helper()
	res, err := b.Build(t.Context(), name, o, event.Reporter{})
	require.NoError(t, err)
	return res
}

func buildAll(t *testing.T, b *image.Builder) map[string]image.Result {
	t.Helper()
	out := map[string]image.Result{}
	for _, name := range b.Catalogue.Names() {
		out[name] = build(t, b, name, image.Options{})
	}
	return out
}

func rewrite(t *testing.T, dir, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644))
}

func TestBuild(t *testing.T) {
	t.Parallel()
	b, fake, l := newBuilder(t, family(t))
	res := build(t, b, "base", image.Options{})
	assert.Equal(t, "base", res.Name)
	assert.False(t, res.Skipped)
	assert.Equal(t, engine.Ref("localhost/poststack/base:latest"), res.Ref)
	assert.Equal(t, engine.Ref("localhost/poststack/base:"+res.InputDigest.Short()), res.DigestRef)
	assert.Equal(t, "logs/containers/base_build.log", res.Log)
	assert.Equal(t, 3, res.Steps)
	assert.Zero(t, res.CachedSteps)
	assert.Positive(t, res.SizeBytes)
	assert.Contains(t, l.text["base_build"].String(), "COPY entrypoint.sh")

	spec := fake.Builds()[0]
	assert.Equal(t, []engine.Ref{res.DigestRef}, spec.Tags, "latest moves when the image is whole")
	assert.Equal(t, map[string]string{"BASE_IMAGE": string(officialDebian)}, spec.Args)
	assert.NoDirExists(t, spec.Dir)
	labels := spec.Labels
	assert.Equal(t, string(res.InputDigest), labels[image.LabelDigest])
	assert.Equal(t, "base", labels[image.LabelImage])
	assert.Equal(t, "sha256:debian", labels[image.LabelBaseID])
	assert.Equal(t, "0123abc-dirty", labels["org.opencontainers.image.revision"])
	assert.Equal(t, string(officialDebian), labels["org.opencontainers.image.base.name"])
	assert.Equal(t, "base", labels["org.opencontainers.image.title"])
	_, err := time.Parse(time.RFC3339, labels["org.opencontainers.image.created"])
	require.NoError(t, err)

	img, err := fake.ImageInspect(t.Context(), res.Ref)
	require.NoError(t, err)
	assert.Equal(t, res.ID, img.ID)
	assert.ElementsMatch(t, []engine.Ref{res.Ref, res.DigestRef}, img.Tags)
}

func TestBuild_of_a_child(t *testing.T) {
	t.Parallel()
	dir := family(t)
	rewrite(t, dir, "web/image.yaml", "description: x\nparent: base\nargs: { SUITE: \"on ${suite}\" }\n")
	b, fake, _ := newBuilder(t, dir)
	_, err := b.Build(t.Context(), "web", image.Options{}, event.Reporter{})
	require.ErrorContains(t, err, `"web" needs "base", which is not built in its present state`)
	assert.Empty(t, fake.Builds())

	base := build(t, b, "base", image.Options{})
	web := build(t, b, "web", image.Options{})
	assert.Equal(t, map[string]string{"BASE_IMAGE": string(base.DigestRef), "SUITE": "on bookworm"}, fake.Builds()[1].Args)
	assert.Equal(t, string(base.ID), fake.Builds()[1].Labels[image.LabelBaseID])
	assert.NotEqual(t, base.ID, web.ID)
}

func TestBuild_on_what_this_run_has_built(t *testing.T) {
	t.Parallel()
	dir := family(t)
	b, fake, _ := newBuilder(t, dir)
	base := build(t, b, "base", image.Options{})
	b.Known = func(name string) (image.Result, bool) { return base, name == "base" }
	asked := len(fake.Calls())
	build(t, b, "web", image.Options{})
	assert.NotContains(t, strings.Join(fake.Calls()[asked:], "\n"), base.DigestRef)
	assert.Equal(t, string(base.ID), fake.Builds()[1].Labels[image.LabelBaseID])

	rewrite(t, dir, "base/entrypoint.sh", "#!/bin/sh\necho other\n")
	reload(t, b, dir)
	_, err := b.Build(t.Context(), "web", image.Options{}, event.Reporter{})
	require.ErrorContains(t, err, "which is not built in its present state", "its files have changed since")
}

func TestBuild_only_what_changed(t *testing.T) {
	t.Parallel()
	dir := family(t)
	b, fake, l := newBuilder(t, dir)
	first := buildAll(t, b)
	l.text = nil
	for name, res := range buildAll(t, b) {
		assert.True(t, res.Skipped, name)
		assert.Equal(t, first[name].ID, res.ID)
		assert.Equal(t, first[name].SizeBytes, res.SizeBytes)
		assert.Empty(t, res.Log)
	}
	assert.Len(t, fake.Builds(), 3)
	assert.Empty(t, l.text, "a skip writes no log")

	rewrite(t, dir, "web/entrypoint.sh", "other")
	reload(t, b, dir)
	second := buildAll(t, b)
	assert.True(t, second["base"].Skipped)
	assert.True(t, second["mail"].Skipped)
	assert.False(t, second["web"].Skipped)

	rewrite(t, dir, "base/entrypoint.sh", "other")
	reload(t, b, dir)
	for name, res := range buildAll(t, b) {
		assert.False(t, res.Skipped, name)
	}

	rewrite(t, dir, "base/entrypoint.sh", "base")
	rewrite(t, dir, "web/entrypoint.sh", "web")
	reload(t, b, dir)
	for name, res := range buildAll(t, b) {
		assert.True(t, res.Skipped, "%s was built before: its tags move back", name)
		img, err := fake.ImageInspect(t.Context(), image.LatestRef(name))
		require.NoError(t, err)
		assert.Equal(t, first[name].ID, img.ID)
	}
}

func TestBuild_puts_tags_right(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	res := build(t, b, "base", image.Options{})
	require.NoError(t, fake.ImageTag(t.Context(), "sha256:debian", res.Ref))
	require.NoError(t, fake.ImageTag(t.Context(), res.ID, "mine:1"))
	require.NoError(t, fake.ImageRemove(t.Context(), res.DigestRef))
	assert.True(t, build(t, b, "base", image.Options{}).Skipped)
	for _, ref := range []engine.Ref{res.Ref, res.DigestRef} {
		img, err := fake.ImageInspect(t.Context(), ref)
		require.NoError(t, err)
		assert.Equal(t, res.ID, img.ID)
	}
}

func TestBuild_on_another_debian(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	buildAll(t, b)
	require.NoError(t, fake.ImageRemove(t.Context(), officialDebian))
	for name, res := range buildAll(t, b) {
		assert.True(t, res.Skipped, "%s stays when its Debian is gone", name)
	}
	fake.AddImage(engine.Image{ID: "sha256:newer", Tags: []engine.Ref{officialDebian}})
	for name, res := range buildAll(t, b) {
		assert.False(t, res.Skipped, "%s is rebuilt on a newer Debian", name)
	}
}

func TestBuild_forced(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	build(t, b, "base", image.Options{})
	assert.False(t, build(t, b, "base", image.Options{Force: true}).Skipped)
	assert.False(t, fake.Builds()[1].NoCache)
	assert.False(t, build(t, b, "base", image.Options{NoCache: true}).Skipped)
	assert.True(t, fake.Builds()[2].NoCache)
}

func TestBuild_forced_keeps_an_image_that_is_equal(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	base, web := build(t, b, "base", image.Options{}), build(t, b, "web", image.Options{})
	b.Now = func() time.Time { return time.Now().Add(time.Hour) } // a label of what is built now differs
	again := build(t, b, "base", image.Options{Force: true})
	assert.Equal(t, base.ID, again.ID)
	assert.Equal(t, web.ID, build(t, b, "web", image.Options{}).ID, "what stands on it need not be built again")
	img, err := fake.ImageInspect(t.Context(), base.Ref)
	require.NoError(t, err)
	assert.ElementsMatch(t, []engine.Ref{base.Ref, base.DigestRef}, img.Tags)
	images, err := fake.ImageList(t.Context(), image.LabelImage+"=base")
	require.NoError(t, err)
	assert.Len(t, images, 1, "the other one is gone")
}

func TestBuild_that_fails_keeps_the_last_good_image(t *testing.T) {
	t.Parallel()
	dir := family(t)
	b, fake, l := newBuilder(t, dir)
	good := build(t, b, "base", image.Options{})
	rewrite(t, dir, "base/Dockerfile", plainDockerfile+"RUN exit 9\n")
	reload(t, b, dir)
	fake.OnBuild = func(engine.BuildSpec) error {
		return &engine.BuildError{
			Step: engine.Step{Number: 4, Total: 4, Text: "RUN exit 9"}, Tail: []string{"one", "two"},
			Err: &runner.ExitError{Argv: []string{"docker", "build", "…"}, Code: 1, Tail: "noise"},
		}
	}
	_, err := b.Build(t.Context(), "base", image.Options{}, event.Reporter{})
	var failed *image.BuildError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "RUN exit 9", failed.Step.Text)
	assert.Contains(t, err.Error(), `build image "base": step 4: RUN exit 9: `)
	assert.NotContains(t, err.Error(), "\n", "one line; the rest are details")
	assert.Equal(t, []string{"one", "two"}, failed.Details())
	assert.Equal(t, "logs/containers/base_build.log", failed.LogPath())
	assert.Contains(t, l.text["base_build"].String(), "RUN exit 9")
	for _, ref := range []engine.Ref{good.Ref, good.DigestRef} {
		img, err := fake.ImageInspect(t.Context(), ref)
		require.NoError(t, err)
		assert.Equal(t, good.ID, img.ID)
	}
	assert.Empty(t, entries(t, filepath.Join(b.CacheDir, "staging")))
}

func TestBuild_of_files_that_change_meanwhile(t *testing.T) {
	t.Parallel()
	dir := family(t)
	b, fake, _ := newBuilder(t, dir)
	fake.OnCall = func(method, _ string) error { // between the digest and the copy
		if method == "ImageInspect" {
			return os.WriteFile(filepath.Join(dir, "base/entrypoint.sh"), []byte("saved just now"), 0o600)
		}
		return nil
	}
	_, err := b.Build(t.Context(), "base", image.Options{}, event.Reporter{})
	require.ErrorContains(t, err, "have changed while they were copied")
	assert.Empty(t, fake.Builds())
}

func TestBuild_that_takes_too_long(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	b.Timeout = 10 * time.Millisecond
	fake.OnBuild = func(engine.BuildSpec) error { time.Sleep(20 * time.Millisecond); return nil }
	_, err := b.Build(t.Context(), "base", image.Options{}, event.Reporter{})
	require.ErrorContains(t, err, "it took longer than 10ms (POSTSTACK_TIMEOUT_BUILD)")
}

func TestBuild_cancelled(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	fake.OnBuild = func(engine.BuildSpec) error { cancel(stop); return nil }
	_, err := b.Build(ctx, "base", image.Options{}, event.Reporter{})
	require.ErrorIs(t, err, stop)
	_, err = fake.ImageInspect(t.Context(), image.LatestRef("base"))
	require.ErrorIs(t, err, engine.ErrNotFound)
	assert.Empty(t, entries(t, filepath.Join(b.CacheDir, "staging")))
}

func TestBuild_side_by_side_builds_once(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	fake.OnBuild = func(engine.BuildSpec) error { time.Sleep(20 * time.Millisecond); return nil }
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, err := b.Build(t.Context(), "base", image.Options{}, event.Reporter{})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Len(t, fake.Builds(), 1)
}

func TestBuild_removes_old_images(t *testing.T) {
	t.Parallel()
	dir := family(t)
	b, fake, l := newBuilder(t, dir)
	var built []image.Result
	for i := range 6 {
		rewrite(t, dir, "base/entrypoint.sh", strings.Repeat("x", i))
		reload(t, b, dir)
		built = append(built, build(t, b, "base", image.Options{}))
		if i == 0 {
			used := "ImageRemove " + string(built[0].DigestRef)
			fake.OnCall = func(method, name string) error {
				if method+" "+name == used {
					return errors.New("a container uses it")
				}
				return nil
			}
		}
		if i == 1 {
			require.NoError(t, fake.ImageTag(t.Context(), built[1].ID, "mine:1"))
		}
	}
	assert.Contains(t, l.text["base_build"].String(), "a container uses it")
	for i, want := range []bool{true, true, false, true, true, true} {
		_, err := fake.ImageInspect(t.Context(), engine.Ref(built[i].ID))
		assert.Equal(t, want, err == nil, "image %d", i)
	}
	_, err := fake.ImageInspect(t.Context(), "mine:1")
	require.NoError(t, err, "a tag that others gave stays")
}

func TestBuild_fetches_artifacts(t *testing.T) {
	t.Parallel()
	dir := family(t)
	rewrite(t, dir, "base/image.yaml", "description: x\nartifacts: [ { name: a, version: \"1\", sources: [ { npm: "+
		"\"a@1.0.0\" } ], files: [ { path: a.jar, sha256: "+sha("jar")+", to: artifacts/a.jar } ] } ]\n")
	b, fake, _ := newBuilder(t, dir)
	b.ArtifactDir = tree(t, map[string]string{"a.jar": "jar"})
	fake.OnBuild = func(spec engine.BuildSpec) error {
		data, err := os.ReadFile(filepath.Join(spec.Dir, "artifacts/a.jar"))
		assert.Equal(t, "jar", string(data))
		assert.NoFileExists(t, filepath.Join(spec.Dir, "image.yaml"))
		return err
	}
	build(t, b, "base", image.Options{})

	b.ArtifactDir = t.TempDir()
	b.CacheDir = t.TempDir()
	_, err := b.Build(t.Context(), "base", image.Options{Force: true}, event.Reporter{})
	require.ErrorContains(t, err, "no source has it")
	var failed *image.BuildError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "logs/containers/base_build.log", failed.LogPath())
}

func TestBuild_reports_steps(t *testing.T) {
	t.Parallel()
	b, _, _ := newBuilder(t, family(t))
	_, err := b.Build(t.Context(), "nothing", image.Options{}, event.Reporter{})
	require.ErrorContains(t, err, "unknown image")
	build(t, b, "base", image.Options{})
	var steps []string
	sink := event.Sink(func(e event.Event) { steps = append(steps, e.Text) })
	b.Now = func() time.Time { return time.Unix(1e9, 0) }
	for range 2 {
		steps = nil
		_, err = b.Build(t.Context(), "base", image.Options{Force: true}, sink.For("build:base"))
		require.NoError(t, err)
	}
	assert.Contains(t, steps, "step 3: COPY entrypoint.sh / (cached)")
}

func TestImages(t *testing.T) {
	t.Parallel()
	dir := family(t)
	b, fake, _ := newBuilder(t, dir)
	base := build(t, b, "base", image.Options{})
	web := build(t, b, "web", image.Options{})
	content, err := os.ReadFile(filepath.Join(dir, "web", "entrypoint.sh"))
	require.NoError(t, err)
	before := string(content)
	rewrite(t, dir, "web/entrypoint.sh", "other")
	reload(t, b, dir)
	got, err := b.Images(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 3)
	assert.Equal(t, image.Status{Name: "mail", Description: "another", Tags: []engine.Ref{}}, got[1])
	assert.Equal(t, "base", got[0].Name)
	assert.True(t, got[0].Built && got[0].Current)
	assert.Equal(t, base.ID, got[0].ID)
	assert.Equal(t, base.InputDigest, got[0].InputDigest)
	assert.Equal(t, []engine.Ref{base.DigestRef, base.Ref}, got[0].Tags)
	assert.True(t, got[2].Built)
	assert.False(t, got[2].Current, "its entrypoint has changed")
	assert.Equal(t, web.InputDigest, got[2].InputDigest)

	other := build(t, b, "web", image.Options{})
	rewrite(t, dir, "web/entrypoint.sh", before)
	reload(t, b, dir)
	got, err = b.Images(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, other.ID, web.ID)
	assert.True(t, got[2].Current, "another checkout, which has built it since, has :latest")
	assert.Equal(t, web.ID, got[2].ID)
	assert.Equal(t, []engine.Ref{web.DigestRef}, got[2].Tags)
	require.NoError(t, fake.ImageRemove(t.Context(), other.Ref))
	got, err = b.Images(t.Context())
	require.NoError(t, err)
	assert.Equal(t, web.ID, got[2].ID, "nobody has :latest")
}

func TestBuild_forced_removes_what_it_replaces(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	first := build(t, b, "base", image.Options{})
	img, err := fake.ImageInspect(t.Context(), first.Ref)
	require.NoError(t, err)
	// As docker's classic builder leaves it of a stage that stands on this image.
	stage := engine.Image{ID: "sha256:stage", Labels: img.Labels}
	fake.AddImage(stage)
	second := build(t, b, "base", image.Options{NoCache: true})
	require.NotEqual(t, first.ID, second.ID)
	_, err = fake.ImageInspect(t.Context(), engine.Ref(first.ID))
	require.ErrorIs(t, err, engine.ErrNotFound, "it has lost its tags")
	_, err = fake.ImageInspect(t.Context(), engine.Ref(stage.ID))
	require.NoError(t, err, "a stage of another build is its cache")
}
