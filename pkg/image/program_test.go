package image_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
)

// program is a checkout with an image that takes a program of it, and gives its containers directory.
func program(t *testing.T) string {
	t.Helper()
	dir := tree(t, map[string]string{
		"../go.mod": "module example.org/stack\n\ngo 1.26\n", "../go.sum": "",
		"../pkg/used/used.go":      "package used\n\nimport _ \"embed\"\n\n//go:embed text.txt\nvar Text string\n",
		"../pkg/used/text.txt":     "hello",
		"../pkg/used/used_test.go": "package used\n", "../pkg/other/other.go": "package other\n",
		"tool/main.go": "package main\n\nimport \"example.org/stack/pkg/used\"\n\nfunc main() { println(used.Text) }\n",
		"web/image.yaml": "description: x\nartifacts: [ { name: tool, sources: [ { go: ./containers/tool } ], files: [ { " +
			"to: artifacts/tool } ] } ]\n",
		"web/Dockerfile": "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY artifacts/tool /\n",
	})
	return dir
}

func TestLoadCatalogue_takes_no_program_for_an_image(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"web"}, load(t, program(t)).Names())
}

func TestDigest_of_a_program(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, path, content string
		counts              bool
	}{
		{"a source of it", "tool/main.go", "package main\n\nfunc main() {}\n", true},
		{"a source of a package that it imports", "../pkg/used/used.go", "package used\n\nvar Text string\n", true},
		{"an embedded file", "../pkg/used/text.txt", "other", true},
		{"the versions of the modules", "../go.sum", "example.org/m v1.0.0 h1:x\n", true},
		{"a test", "../pkg/used/used_test.go", "package used\n\nvar x int\n", false},
		{"a package that it does not import", "../pkg/other/other.go", "package other\n\nvar x int\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := program(t)
			c := load(t, dir)
			before, err := c.Digest("web", "bookworm")
			require.NoError(t, err)
			rewrite(t, dir, tc.path, tc.content)
			after, err := c.Digest("web", "bookworm")
			require.NoError(t, err)
			assert.Equal(t, tc.counts, before != after)
		})
	}
}

func TestDigest_of_a_program_that_is_not_there(t *testing.T) {
	t.Parallel()
	dir := program(t)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "tool")))
	_, err := load(t, dir).Digest("web", "bookworm")
	require.ErrorContains(t, err, `compute digest of image "web": program ./containers/tool`)
}

func TestBuild_compiles_a_program(t *testing.T) {
	t.Parallel()
	dir := program(t)
	b, fake, _ := newBuilder(t, dir)
	b.Root = filepath.Dir(dir)
	var asked []runner.Command
	b.Runner = runner.Func(func(ctx context.Context, c runner.Command) (runner.Result, error) {
		if c.Program != "go" {
			return git(ctx, c)
		}
		asked = append(asked, c)
		i := strings.Index(strings.Join(c.Args, "\n"), "-o\n")
		out, _, _ := strings.Cut(strings.Join(c.Args, "\n")[i+3:], "\n")
		return runner.Result{}, os.WriteFile(out, []byte("binary"), 0o755)
	})
	build(t, b, "web", image.Options{})
	require.Len(t, asked, 1)
	assert.Equal(t, b.Root, asked[0].Dir)
	assert.Contains(t, asked[0].Env, "CGO_ENABLED=0")
	assert.Equal(t, "./containers/tool", asked[0].Args[len(asked[0].Args)-1])
	require.Len(t, fake.Builds(), 1)

	build(t, b, "web", image.Options{})
	assert.Len(t, asked, 1, "an image that is up to date needs no compiler")
}

func TestBuild_of_a_program_that_does_not_compile(t *testing.T) {
	t.Parallel()
	dir := program(t)
	b, _, l := newBuilder(t, dir)
	b.Root, b.Runner = filepath.Dir(dir), &runner.Exec{}
	rewrite(t, dir, "tool/main.go", "package main\n\nfunc main() { nothing() }\n")
	_, err := b.Build(t.Context(), "web", image.Options{}, event.Reporter{})
	require.ErrorContains(t, err, `build artifact "tool" of ./containers/tool`)
	assert.ErrorContains(t, err, "undefined: nothing")
	assert.Contains(t, l.text["web_build"].String(), "undefined: nothing")
}

func TestBuild_of_a_program_without_a_compiler(t *testing.T) {
	t.Parallel()
	dir := program(t)
	b, _, _ := newBuilder(t, dir)
	b.Root = filepath.Dir(dir)
	b.Runner = runner.Func(func(context.Context, runner.Command) (runner.Result, error) {
		return runner.Result{}, runner.ErrNotFound
	})
	_, err := b.Build(t.Context(), "web", image.Options{}, event.Reporter{})
	require.ErrorContains(t, err, "put Go's own bin directory into PATH")
}

func TestCachedFiles_passes_over_what_is_compiled(t *testing.T) {
	t.Parallel()
	files, err := load(t, program(t)).CachedFiles(t.TempDir())
	require.NoError(t, err)
	assert.Empty(t, files, "a program is compiled whenever an image needs it")
}
