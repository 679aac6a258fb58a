package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// workshop is a scratch set of images on a real engine: imgtest-PID-base on Debian, and imgtest-PID-app on it.
type workshop struct {
	*image.Builder
	engine    *engine.Engine
	dir       string
	base, app string // names
}

func openWorkshop(t *testing.T, kind engine.Kind) *workshop {
	t.Helper()
	e := enginetest.Open(t, kind)
	prefix := "imgtest-" + strconv.Itoa(os.Getpid())
	w := &workshop{engine: e, dir: filepath.Join(t.TempDir(), "containers"), base: prefix + "-base", app: prefix + "-app"}
	w.write(t, w.base+"/image.yaml", "description: scratch base\n")
	w.write(t, w.base+"/Dockerfile", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY hello /hello\n")
	w.write(t, w.base+"/hello", "hello\n")
	w.write(t, w.app+"/image.yaml", "description: scratch application\nparent: "+w.base+"\nargs: { RELEASE: \"1\" }\n")
	w.write(t, w.app+"/Dockerfile", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN date +%s%N > /made\nARG RELEASE\n"+
		"ENV RELEASE=$RELEASE\nLABEL release=$RELEASE\nCOPY entrypoint.sh /\n")
	w.write(t, w.app+"/entrypoint.sh", "#!/bin/sh\necho one\n")
	logs := t.TempDir()
	w.Builder = &image.Builder{
		Engine: e, Runner: runner.Exec{}, Root: w.dir, CacheDir: t.TempDir(), Suite: "bookworm",
		OpenLog: func(operation string) (image.LogFile, error) {
			f, err := os.Create(filepath.Join(logs, operation+".log"))
			return logOnDisk{f}, err
		},
	}
	w.reload(t)
	t.Cleanup(func() { w.removeAll(t) })
	return w
}

// logOnDisk is a file as an image.LogFile.
type logOnDisk struct{ *os.File }

func (l logOnDisk) Path() string { return l.Name() }

func (w *workshop) write(t *testing.T, path, content string) {
	t.Helper()
	file := filepath.Join(w.dir, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
}

func (w *workshop) reload(t *testing.T) {
	t.Helper()
	var err error
	w.Catalogue, err = image.LoadCatalogue(w.dir)
	require.NoError(t, err)
}

// build reads the files anew, as the next command does, and builds both images.
func (w *workshop) build(t *testing.T) (base, app image.Result) {
	t.Helper()
	w.reload(t)
	base, err := w.Build(t.Context(), w.base, image.Options{}, event.Reporter{})
	require.NoError(t, err)
	app, err = w.Build(t.Context(), w.app, image.Options{}, event.Reporter{})
	require.NoError(t, err)
	return base, app
}

// removeAll removes the scratch images, children first.
func (w *workshop) removeAll(t *testing.T) {
	ctx := context.WithoutCancel(t.Context())
	for _, name := range []string{w.app, w.base} {
		images, err := w.engine.ImageList(ctx, image.LabelImage+"="+name)
		require.NoError(t, err)
		for _, img := range images {
			for _, ref := range append(img.Tags, engine.Ref(img.ID)) {
				assert.NoError(t, w.engine.ImageRemove(ctx, ref))
			}
		}
	}
}

// output runs a command in a disposable container of an image.
func (w *workshop) output(t *testing.T, ref engine.Ref, command ...string) string {
	t.Helper()
	id, err := w.engine.ContainerCreate(t.Context(),
		engine.ContainerSpec{Image: ref, Command: command, Labels: map[string]string{"org.poststack.test": w.app}})
	require.NoError(t, err)
	defer func() { assert.NoError(t, w.engine.ContainerRemove(context.WithoutCancel(t.Context()), id)) }()
	require.NoError(t, w.engine.ContainerStart(t.Context(), id))
	code, err := w.engine.ContainerWait(t.Context(), id)
	require.NoError(t, err)
	var out, errs bytes.Buffer
	require.NoError(t, w.engine.ContainerLogs(t.Context(), id, engine.LogOptions{}, &out, &errs))
	require.Zero(t, code, errs.String())
	return strings.TrimSpace(out.String())
}

func TestImageBuild(t *testing.T) {
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			w := openWorkshop(t, kind)
			t.Run("what is unchanged is skipped", w.testSkip)
			t.Run("what no instruction takes neither breaks nor causes a build", w.testLitter)
			t.Run("only what changed is rebuilt", w.testChange)
			t.Run("a changed argument is never an old image", w.testArgument)
			t.Run("a health check never vanishes", w.testHealthcheck)
			t.Run("a failed build keeps the last good image", w.testFailure)
			t.Run("a cancelled build leaves nothing", w.testCancel)
			t.Run("old images are removed", w.testPrune)
		})
	}
}

func (w *workshop) testSkip(t *testing.T) {
	base, app := w.build(t)
	assert.False(t, base.Skipped)
	assert.False(t, app.Skipped)
	assert.Positive(t, app.SizeBytes)
	assert.Equal(t, "hello", w.output(t, app.Ref, "cat", "/hello"))

	start := time.Now()
	again, appAgain := w.build(t)
	assert.True(t, again.Skipped && appAgain.Skipped)
	assert.Equal(t, []engine.ImageID{base.ID, app.ID}, []engine.ImageID{again.ID, appAgain.ID})
	t.Logf("cold %s and %s, both skipped in %s", base.Duration, app.Duration, time.Since(start))

	forced, err := w.Build(t.Context(), w.base, image.Options{Force: true}, event.Reporter{})
	require.NoError(t, err)
	assert.Equal(t, base.ID, forced.ID, "all steps came from the cache, so it is the same")
	_, appAgain = w.build(t)
	assert.True(t, appAgain.Skipped)

	img, err := w.engine.ImageInspect(t.Context(), app.Ref)
	require.NoError(t, err)
	assert.Contains(t, img.Tags, app.DigestRef)
	assert.Equal(t, string(base.ID), img.Labels[image.LabelBaseID])
	assert.Equal(t, w.app, img.Labels["org.opencontainers.image.title"])
}

func (w *workshop) testChange(t *testing.T) {
	base, app := w.build(t)
	made := w.output(t, app.Ref, "cat", "/made")
	w.write(t, w.app+"/entrypoint.sh", "#!/bin/sh\necho two\n")
	baseAfter, after := w.build(t)
	assert.True(t, baseAfter.Skipped)
	assert.False(t, after.Skipped)
	assert.NotEqual(t, app.ID, after.ID)
	assert.Equal(t, made, w.output(t, after.Ref, "cat", "/made"), "the layers above the change come from the cache")
	assert.Equal(t, "two", w.output(t, after.Ref, "sh", "/entrypoint.sh"))
	assert.Positive(t, after.CachedSteps)
	assert.Less(t, after.CachedSteps, after.Steps)

	w.write(t, w.base+"/hello", "good day\n")
	baseLast, last := w.build(t)
	assert.False(t, baseLast.Skipped)
	assert.False(t, last.Skipped)
	assert.NotEqual(t, base.ID, baseLast.ID)
	assert.Equal(t, "good day", w.output(t, last.Ref, "cat", "/hello"))
}

func (w *workshop) testArgument(t *testing.T) {
	for _, release := range []string{"1", "2", "1", "3", "2"} {
		w.write(t, w.app+"/image.yaml",
			fmt.Sprintf("description: scratch application\nparent: %s\nargs: { RELEASE: %q }\n", w.base, release))
		_, app := w.build(t)
		img, err := w.engine.ImageInspect(t.Context(), app.Ref)
		require.NoError(t, err)
		assert.Contains(t, img.Env, "RELEASE="+release)
		assert.Equal(t, release, img.Labels["release"])
	}
}

func (w *workshop) testFailure(t *testing.T) {
	_, good := w.build(t)
	before, err := os.ReadFile(filepath.Join(w.dir, w.app, "Dockerfile"))
	require.NoError(t, err)
	w.write(t, w.app+"/Dockerfile", string(before)+"RUN echo this goes wrong; exit 9\n")
	w.reload(t)
	_, err = w.Build(t.Context(), w.app, image.Options{}, event.Reporter{})
	var failed *image.BuildError
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, failed.Step.Text, "exit 9")
	assert.Contains(t, strings.Join(failed.Tail, "\n"), "this goes wrong")
	text, err := os.ReadFile(failed.Log)
	require.NoError(t, err)
	assert.Contains(t, string(text), "this goes wrong")
	for _, ref := range []engine.Ref{good.Ref, good.DigestRef} {
		img, err := w.engine.ImageInspect(t.Context(), ref)
		require.NoError(t, err)
		assert.Equal(t, good.ID, img.ID)
	}
	w.write(t, w.app+"/Dockerfile", string(before))
	_, after := w.build(t)
	assert.True(t, after.Skipped)
}

func (w *workshop) testCancel(t *testing.T) {
	before, err := os.ReadFile(filepath.Join(w.dir, w.app, "Dockerfile"))
	require.NoError(t, err)
	token := "29" + strconv.Itoa(os.Getpid())
	w.write(t, w.app+"/Dockerfile", string(before)+"RUN sleep "+token+"\n")
	w.reload(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sink := event.Sink(func(e event.Event) {
		if strings.Contains(e.Text, "RUN sleep") {
			time.AfterFunc(time.Second, cancel)
		}
	})
	start := time.Now()
	_, err = w.Build(ctx, w.app, image.Options{}, sink.For("test"))
	require.ErrorIs(t, err, context.Canceled)
	t.Logf("cancelled after %s", time.Since(start))

	digest, err := w.Digest(w.app)
	require.NoError(t, err)
	_, err = w.engine.ImageInspect(t.Context(), image.DigestRef(w.app, digest))
	require.ErrorIs(t, err, engine.ErrNotFound)
	left, err := os.ReadDir(filepath.Join(w.CacheDir, "staging"))
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.Eventually(t, func() bool { return !running(t, token) }, time.Minute, 100*time.Millisecond,
		"the step's process has ended")
	w.write(t, w.app+"/Dockerfile", string(before))
}

// running tells whether any process of this machine has word among its arguments.
func running(t *testing.T, word string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil && bytes.Contains(append(data, 0), []byte("\x00"+word+"\x00")) {
			return true
		}
	}
	return false
}

func (w *workshop) testPrune(t *testing.T) {
	for i := range 5 {
		w.write(t, w.app+"/entrypoint.sh", "#!/bin/sh\necho "+strconv.Itoa(i)+"\n")
		w.build(t)
	}
	images, err := w.engine.ImageList(t.Context(), image.LabelImage+"="+w.app)
	require.NoError(t, err)
	tagged := 0
	for _, img := range images {
		if len(img.Tags) > 0 {
			tagged++
		}
	}
	assert.Equal(t, 3, tagged)
}

func TestImageBuild_on_another_suite(t *testing.T) {
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			w := openWorkshop(t, kind)
			w.Suite = "trixie"
			const own engine.Ref = image.Repository + "/debian:trixie-slim"
			if _, err := w.engine.ImageInspect(t.Context(), own); err != nil {
				t.Cleanup(func() {
					w.removeAll(t)
					assert.NoError(t, w.engine.ImageRemove(context.WithoutCancel(t.Context()), own))
				})
			}
			base, app := w.build(t)
			t.Logf("base %s, application %s", base.Duration, app.Duration)
			assert.Contains(t, w.output(t, app.Ref, "cat", "/etc/os-release"), "VERSION_CODENAME=trixie")
			sources := w.output(t, app.Ref, "sh", "-c", "cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null; true")
			assert.Contains(t, sources, "trixie-security")
			assert.NotContains(t, sources, "bookworm")
		})
	}
}
