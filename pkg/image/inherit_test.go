package image_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// addStage adds what docker's classic builder leaves of a build stage FROM the base image: an image without a
// tag that has inherited the base's labels, and is newer than it.
func addStage(t *testing.T, add func(engine.Image) engine.ImageID, base engine.Image) engine.ImageID {
	t.Helper()
	return add(engine.Image{ID: "sha256:stage", Labels: base.Labels, Created: base.Created.Add(time.Minute)})
}

func TestBuild_does_not_take_a_stage_for_its_base(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	res := build(t, b, "base", image.Options{})
	base, err := fake.ImageInspect(t.Context(), res.Ref)
	require.NoError(t, err)
	addStage(t, fake.AddImage, base)

	again := build(t, b, "base", image.Options{})
	assert.True(t, again.Skipped)
	assert.Equal(t, res.ID, again.ID, "the image that carries the tags, not one that inherited the labels")
}

func TestBuild_keeps_the_stages_of_others(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, family(t))
	res := build(t, b, "base", image.Options{})
	base, err := fake.ImageInspect(t.Context(), res.Ref)
	require.NoError(t, err)
	stage := addStage(t, fake.AddImage, base)

	forced := build(t, b, "base", image.Options{Force: true})
	_, err = fake.ImageInspect(t.Context(), engine.Ref(stage))
	require.NoError(t, err, "it is the builder's cache")
	if forced.ID != res.ID {
		_, err = fake.ImageInspect(t.Context(), engine.Ref(res.ID))
		require.ErrorIs(t, err, engine.ErrNotFound, "what the build replaced is removed")
	}
}
