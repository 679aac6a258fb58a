package image_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

const stagedDockerfile = "ARG BASE_IMAGE\nARG TOOL_IMAGE\nFROM ${TOOL_IMAGE} AS tool\nFROM ${BASE_IMAGE}\n" +
	"COPY --from=tool /tool /tool\n"

// workshop is three images: base, tool, and app, which stands on base and takes files from tool.
func workshop(t *testing.T) string {
	t.Helper()
	return tree(t, map[string]string{
		"base/image.yaml": "description: the base\n", "base/Dockerfile": plainDockerfile, "base/entrypoint.sh": "base",
		"tool/image.yaml": "description: a tool\n", "tool/Dockerfile": plainDockerfile, "tool/entrypoint.sh": "tool",
		"app/image.yaml": "description: a service\nparent: base\nstages: { TOOL_IMAGE: tool }\n",
		"app/Dockerfile": stagedDockerfile,
	})
}

func TestLoadCatalogue_with_stages(t *testing.T) {
	t.Parallel()
	c := load(t, workshop(t))
	assert.Equal(t, []string{"base", "tool", "app"}, c.Names(), "what files are taken from comes first")
	assert.Equal(t, []string{"tool"}, c.Stages("app"))
	assert.Empty(t, c.Stages("tool"))
}

func TestLoadCatalogue_refuses_stages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, path, content, want string }{
		{
			"of an unknown image", "app/image.yaml", "description: x\nstages: { TOOL_IMAGE: tol }\n",
			`app/image.yaml: unknown image "tol" in stages: did you mean "tool"?`,
		},
		{
			"that stand on others", "tool/image.yaml", "description: x\nparent: base\n",
			`"tool" in stages stands on other images`,
		},
		{
			"under the builder's own argument", "app/image.yaml", "description: x\nstages: { BASE_IMAGE: tool }\n",
			`app/image.yaml:2: stages: "BASE_IMAGE" is not a build argument of its own`,
		},
		{"under an argument that is there", "app/image.yaml", "description: x\nargs: { TOOL_IMAGE: x }\n" +
			"stages: { TOOL_IMAGE: tool }\n", `app/image.yaml:3: stages: "TOOL_IMAGE" is not`},
		{
			"that the Dockerfile does not declare", "app/Dockerfile", plainDockerfile,
			"app/Dockerfile:1: must begin with ARG BASE_IMAGE, ARG TOOL_IMAGE and FROM",
		},
		{
			"that only the Dockerfile declares", "base/Dockerfile", stagedDockerfile,
			"base/Dockerfile:1: must begin with ARG BASE_IMAGE and FROM ${BASE_IMAGE}",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := workshop(t)
			rewrite(t, dir, tc.path, tc.content)
			_, err := image.LoadCatalogue(dir)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestDigest_of_stages(t *testing.T) {
	t.Parallel()
	dir := workshop(t)
	before := digests(t, dir)
	rewrite(t, dir, "tool/entrypoint.sh", "other")
	after := digests(t, dir)
	assert.Equal(t, before["base"], after["base"])
	assert.NotEqual(t, before["tool"], after["tool"])
	assert.NotEqual(t, before["app"], after["app"])
}

func TestBuild_with_stages(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, workshop(t))
	build(t, b, "base", image.Options{})
	_, err := b.Build(t.Context(), "app", image.Options{}, event.Reporter{})
	require.ErrorContains(t, err, `"app" needs "tool", which is not built in its present state`)

	tool := build(t, b, "tool", image.Options{})
	first := build(t, b, "app", image.Options{})
	spec := fake.Builds()[2]
	assert.Equal(t, string(tool.DigestRef), spec.Args["TOOL_IMAGE"])
	assert.Equal(t, string(tool.ID), spec.Labels[image.LabelStageIDs])
	assert.True(t, build(t, b, "app", image.Options{}).Skipped)

	build(t, b, "tool", image.Options{NoCache: true})
	status, err := b.Images(t.Context())
	require.NoError(t, err)
	assert.False(t, status[2].Current, "the tool is another one")
	assert.NotEqual(t, first.ID, build(t, b, "app", image.Options{}).ID)
}

func TestBuild_without_cache_gets_Debian_once(t *testing.T) {
	t.Parallel()
	b, fake, _ := newBuilder(t, workshop(t))
	buildAll(t, b)
	pulls := func() (n int) {
		for _, call := range fake.Calls() {
			if strings.HasPrefix(call, "ImagePull ") {
				n++
			}
		}
		return n
	}
	before := pulls()
	run := image.Options{NoCache: true, Renewal: &image.Renewal{}}
	build(t, b, "base", run)
	assert.Equal(t, before+1, pulls())
	build(t, b, "tool", run)
	assert.Equal(t, before+1, pulls(), "the same run has got it")
	build(t, b, "tool", image.Options{NoCache: true, Renewal: &image.Renewal{}})
	assert.Equal(t, before+2, pulls(), "another run gets it anew, whatever is in the store")
	build(t, b, "tool", image.Options{NoCache: true})
	assert.Equal(t, before+3, pulls())
}
