package engine_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

// build prepares a build context of that Dockerfile.
func (s *suite) build(t *testing.T, name string, lines ...string) engine.BuildSpec {
	t.Helper()
	dir := t.TempDir()
	text := "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n" + strings.Join(lines, "\n") + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "marker"), []byte(s.name), 0o644))
	return engine.BuildSpec{
		Dir: dir, Tags: []engine.Ref{s.ref(name)}, Args: map[string]string{"BASE_IMAGE": string(s.image)},
		Labels: map[string]string{contractLabel: s.name},
	}
}

func (s *suite) buildCases() []testCase {
	return []testCase{
		{"a build reports its steps, and again as cached", s.buildTwice},
		{"a failing step is told with its last lines, and the tag stays", s.buildFails},
		{"a missing base is ErrNotFound", func(ctx context.Context, t *testing.T) {
			spec := s.build(t, "nobase", "COPY marker /marker")
			spec.Args["BASE_IMAGE"] = string(s.ref("unknown"))
			_, err := s.Build(ctx, spec)
			require.ErrorIs(t, err, engine.ErrNotFound)
		}},
		{"a Dockerfile that is none is a build error", func(ctx context.Context, t *testing.T) {
			_, err := s.Build(ctx, s.build(t, "syntax", "FETCH the moon"))
			var failed *engine.BuildError
			require.ErrorAs(t, err, &failed)
			assert.Contains(t, strings.ToLower(err.Error()), "fetch")
		}},
		{"the image shows the argument that was given last", s.changedArgument},
		{"images may be removed while another is built", s.removedMeanwhile},
		{"stages are built and copied from", func(ctx context.Context, t *testing.T) {
			spec := s.build(t, "stages", "COPY marker /built", "FROM ${BASE_IMAGE}",
				"COPY --from=0 /built /copied", `RUN ["/program", "cat", "/copied"]`)
			var log strings.Builder
			spec.Log = &log
			_, err := s.Build(ctx, spec)
			require.NoError(t, err)
			assert.Contains(t, log.String(), s.name)
		}},
	}
}

// removedMeanwhile builds an image of some steps, for each of which a builder may look through all images for one that
// has it.
func (s *suite) removedMeanwhile(ctx context.Context, t *testing.T) {
	var empty bytes.Buffer
	require.NoError(t, tar.NewWriter(&empty).Close())
	others := make(chan error, 1)
	building, built := context.WithCancel(ctx)
	go func() {
		var err error
		for n := 0; building.Err() == nil && err == nil; n++ {
			ref := s.ref(fmt.Sprintf("passing%d", n))
			_, err = s.ImageImport(ctx, bytes.NewReader(empty.Bytes()), ref, []string{"ENV N=" + strconv.Itoa(n)})
			if err == nil {
				err = s.ImageRemove(ctx, ref)
			}
		}
		others <- err
	}()
	for n := range 2 {
		spec := s.build(t, "meanwhile", fmt.Sprintf("ENV N=%d", n), "COPY marker /a", "COPY marker /b", "COPY marker /c")
		_, err := s.Build(ctx, spec)
		assert.NoError(t, err)
	}
	built()
	require.NoError(t, <-others)
}

func (s *suite) buildTwice(ctx context.Context, t *testing.T) {
	spec := s.build(t, "twice", "ARG COLOUR=red", "COPY marker /marker",
		`RUN ["/program", "echo", "painting it"]`, "ENV COLOUR=$COLOUR")
	spec.Labels["org.example.quoted"] = `a "b" $c ${d} 'e' \f #g`
	var log strings.Builder
	var live []engine.Step
	spec.Log, spec.OnStep = &log, func(st engine.Step) { live = append(live, st) }
	first, err := s.Build(ctx, spec)
	require.NoError(t, err)
	assert.Contains(t, log.String(), "painting it")
	assert.NotContains(t, log.String(), "\x1b")
	require.NotEmpty(t, first.Steps)
	assert.NotEmpty(t, live)
	for i, st := range first.Steps {
		assert.Equal(t, i+1, st.Number)
		assert.Positive(t, st.Duration, st.Text)
		assert.NotContains(t, st.Text, "org.poststack.build-args", "what we insert is no step")
	}
	img, err := s.ImageInspect(ctx, spec.Tags[0])
	require.NoError(t, err)
	assert.Equal(t, first.ID, img.ID)
	assert.Equal(t, `a "b" $c ${d} 'e' \f #g`, img.Labels["org.example.quoted"])
	assert.Contains(t, img.Env, "COLOUR=red")
	second, err := s.Build(ctx, spec)
	require.NoError(t, err)
	assert.Equal(t, first.ID, second.ID)
	assert.True(t, step(t, second.Steps, "RUN").Cached)
	spec.NoCache = true
	third, err := s.Build(ctx, spec)
	require.NoError(t, err)
	assert.False(t, step(t, third.Steps, "RUN").Cached)
}

// step finds the step that begins with verb.
func step(t *testing.T, steps []engine.Step, verb string) engine.Step {
	t.Helper()
	for _, st := range steps {
		if strings.HasPrefix(st.Text, verb) {
			return st
		}
	}
	require.Fail(t, "no step", "no step begins with %q: %+v", verb, steps)
	return engine.Step{}
}

func (s *suite) buildFails(ctx context.Context, t *testing.T) {
	good := s.build(t, "fails", "COPY marker /marker")
	out, err := s.Build(ctx, good)
	require.NoError(t, err)
	_, err = s.Build(ctx, s.build(t, "fails", "COPY marker /other", `RUN ["/program", "fail", "9"]`, "COPY marker /never"))
	var failed *engine.BuildError
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, failed.Step.Text, "RUN")
	assert.Contains(t, strings.Join(failed.Tail, "\n"), "program: no space left on the moon")
	assert.Contains(t, strings.Join(failed.Tail, "\n"), "working on it")
	assert.LessOrEqual(t, len(failed.Tail), 20)
	img, err := s.ImageInspect(ctx, good.Tags[0])
	require.NoError(t, err)
	assert.Equal(t, out.ID, img.ID, "the last good image keeps the tag")
}

// changedArgument builds with 1, 2 and 1 again, with arguments that feed only ENV, from a value given and
// from the Dockerfile's own default.
func (s *suite) changedArgument(ctx context.Context, t *testing.T) {
	for _, release := range []string{"1", "2", "1"} {
		given := s.build(t, "arg", "ARG RELEASE=0", "ENV RELEASE=$RELEASE", "COPY marker /marker")
		given.Args["RELEASE"] = release
		out, err := s.Build(ctx, given)
		require.NoError(t, err)
		img, err := s.ImageInspect(ctx, engine.Ref(out.ID))
		require.NoError(t, err)
		assert.Contains(t, img.Env, "RELEASE="+release, "given")
		def := s.build(t, "arg", "ARG EDITION="+release, "ENV EDITION=$EDITION", "COPY marker /marker")
		out, err = s.Build(ctx, def)
		require.NoError(t, err)
		img, err = s.ImageInspect(ctx, engine.Ref(out.ID))
		require.NoError(t, err)
		assert.Contains(t, img.Env, "EDITION="+release, "default")
	}
}
