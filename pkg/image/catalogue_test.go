package image_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/image"
)

const plainDockerfile = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY entrypoint.sh /\n"

// tree writes files, path → content, below a new directory named containers.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "containers")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for path, content := range files {
		file := filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	}
	return dir
}

// family is three images: base, and two on it.
func family(t *testing.T) string {
	t.Helper()
	return tree(t, map[string]string{
		"base/image.yaml": "description: the base\n", "base/Dockerfile": plainDockerfile, "base/entrypoint.sh": "base",
		"web/image.yaml": "description: a server\nparent: base\n", "web/Dockerfile": plainDockerfile,
		"web/entrypoint.sh": "web",
		"mail/image.yaml":   "description: another\nparent: base\n", "mail/Dockerfile": plainDockerfile,
		"mail/entrypoint.sh": "mail",
	})
}

func load(t *testing.T, dir string) *image.Catalogue {
	t.Helper()
	c, err := image.LoadCatalogue(dir)
	require.NoError(t, err)
	return c
}

func TestLoadCatalogue(t *testing.T) {
	t.Parallel()
	c := load(t, family(t))
	assert.Equal(t, []string{"base", "mail", "web"}, c.Names())
	assert.Equal(t, []string{"base"}, c.Parents("web"))
	assert.Empty(t, c.Parents("base"))

	_, err := c.Get("webb")
	assert.ErrorContains(t, err, `did you mean "web"?`)
}

func TestLoadCatalogue_reads_every_field(t *testing.T) {
	t.Parallel()
	c := load(t, tree(t, map[string]string{"x/Dockerfile": plainDockerfile, "x/image.yaml": `
description: one line
args: { SUITE: "${suite}", PORT: 80 }
user: someone
environment:
  - { name: LOG_LEVEL, default: info, help: how much is said }
stop: { signal: SIGINT, timeout: 60s, exit_code: 3 }
artifacts:
  - name: tool
    version: 1.2.3
    sources: [ { url: "https://example.org/tool.tar.gz" }, { npm: "@scope/tool@1.2.3" } ]
    files: [ { path: lib/a.jar, sha256: ` + sha("a") + `, to: artifacts/a.jar } ]
`}))
	d, err := c.Get("x")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"SUITE": "${suite}", "PORT": "80"}, d.Args)
	assert.Equal(t, "someone", d.User)
	assert.Equal(t, []image.Variable{{Name: "LOG_LEVEL", Default: "info", Help: "how much is said"}}, d.Environment)
	assert.Equal(t, "SIGINT", d.Stop.Signal)
	assert.Equal(t, "1m0s", d.Stop.Timeout.String())
	assert.Equal(t, 3, d.Stop.ExitCode)
	assert.Equal(t, "npm package @scope/tool@1.2.3", d.Artifacts[0].Sources[1].String())
	assert.Equal(t, "artifacts/a.jar", d.Artifacts[0].Files[0].To)
}

func TestLoadCatalogue_refuses(t *testing.T) {
	t.Parallel()
	const ok = "description: x\n"
	for _, tc := range []struct{ name, yaml, docker, want string }{
		{
			"an unknown key, naming the nearest", ok + "parant: base\n", "",
			`containers/x/image.yaml:2: unknown key "parant": did you mean "parent"?`,
		},
		{
			"an unknown key further in", ok + "stop: { sygnal: SIGINT }\n", "",
			`containers/x/image.yaml:2: unknown key "stop.sygnal": did you mean "signal"?`,
		},
		{"a value of the wrong type", ok + "user: [a]\n", "", "containers/x/image.yaml:2: cannot unmarshal !!seq"},
		{"a duration without a unit", ok + "stop:\n  timeout: 60\n", "", "containers/x/image.yaml:3: "},
		{
			"the same key twice", ok + "user: a\nuser: b\n", "",
			"containers/x/image.yaml:3: mapping key \"user\" already defined",
		},
		{"broken YAML", ok + "args: {\n", "", "containers/x/image.yaml:"},
		{"an empty file", "# nothing\n", "", "containers/x/image.yaml: is empty"},
		{"two documents", ok + "---\n" + ok, "", "must hold one document"},
		{"a missing description", "user: a\n", "", "containers/x/image.yaml:1: description is missing"},
		{
			"an argument with an unknown variable", ok + "args: { A: \"${siute}\" }\n",
			"", "image.yaml:2: args: A holds an unknown variable: only ${suite} is known",
		},
		{"the builder's own argument", ok + "args: { BASE_IMAGE: x }\n", "", "BASE_IMAGE is set by the builder"},
		{"a signal that is none", ok + "stop: { signal: INT }\n", "", `stop.signal "INT"`},
		{"an unknown parent", ok + "parent: nothing\n", "", `unknown parent "nothing"`},
		{"itself as parent", ok + "parent: x\n", "", "images stand on each other: x → x"},
		{
			"an artifact without sources", ok + "artifacts:\n  - { name: a, version: \"1\", files: [] }\n",
			"", `image.yaml:3: artifacts: "a" has no sources`,
		},
		{"a source that is two", ok + "artifacts: [ { name: a, version: \"1\", sources: [ { url: \"https://a/b\", npm: " +
			"\"a@1\" } ], files: [ { path: a, sha256: " + sha("a") + ", to: a } ] } ]\n", "", "one of url, npm and go"},
		{"an npm version that is not exact", ok +
			"artifacts: [ { name: a, version: \"1\", sources: [ { npm: \"a@latest\" } ], files: [ { path: a, sha256: " +
			sha("a") + ", to: a } ] } ]\n", "", "exact version"},
		{"a hash that is none", ok + "artifacts: [ { name: a, version: \"1\", sources: [ { npm: \"a@1\" } ], files: [ { " +
			"path: a, sha256: abc, to: a } ] } ]\n", "", "64 lower-case hex digits"},
		{"a target outside the context", ok +
			"artifacts: [ { name: a, version: \"1\", sources: [ { npm: \"a@1\" } ], files: [ { path: a, sha256: " + sha("a") +
			", to: ../a } ] } ]\n", "", "clean relative path"},
		{
			"a Dockerfile with another beginning", ok, "FROM debian\n",
			"containers/x/Dockerfile:1: must begin with ARG BASE_IMAGE",
		},
		{
			"a stage that stands on something else", ok, plainDockerfile + "FROM alpine AS a\n",
			"Dockerfile:4: FROM alpine AS a: a stage stands on",
		},
		{
			"a mount", ok, plainDockerfile + "RUN --mount=type=cache,target=/x true\n",
			"Dockerfile:4: RUN --mount=type=cache,target=/x is not portable",
		},
		{"COPY --chmod", ok, plainDockerfile + "COPY --chmod=755 a /a\n", "COPY --chmod is not portable"},
		{
			"a heredoc", ok, plainDockerfile + "RUN cat <<EOF > /x\nhello\nEOF\n",
			"Dockerfile:4: RUN with a heredoc is not portable",
		},
		{
			"a syntax directive", ok, "# syntax=docker/dockerfile:1\n" + plainDockerfile,
			`Dockerfile:1: parser directive "syntax"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			docker := tc.docker
			if docker == "" {
				docker = plainDockerfile
			}
			_, err := image.LoadCatalogue(tree(t, map[string]string{"x/image.yaml": tc.yaml, "x/Dockerfile": docker}))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestLoadCatalogue_tells_every_problem(t *testing.T) {
	t.Parallel()
	_, err := image.LoadCatalogue(tree(t, map[string]string{
		"a/image.yaml": "descripton: x\nuser: []\n", "a/Dockerfile": "FROM x\n",
		"b/Dockerfile": plainDockerfile,
	}))
	require.Error(t, err)
	assert.ErrorContains(t, err, `a/image.yaml:1: unknown key "descripton": did you mean "description"?`)
	assert.ErrorContains(t, err, "a/image.yaml:2: ")
	assert.ErrorContains(t, err, "a/Dockerfile:1: ")
	assert.ErrorContains(t, err, "b/image.yaml: is missing")
}

func TestLoadCatalogue_refuses_a_cycle(t *testing.T) {
	t.Parallel()
	_, err := image.LoadCatalogue(tree(t, map[string]string{
		"a/image.yaml": "description: x\nparent: b\n", "a/Dockerfile": plainDockerfile,
		"b/image.yaml": "description: x\nparent: c\n", "b/Dockerfile": plainDockerfile,
		"c/image.yaml": "description: x\nparent: b\n", "c/Dockerfile": plainDockerfile,
	}))
	require.ErrorContains(t, err, "images stand on each other: b → c → b")
}

func TestCatalogue_Services(t *testing.T) {
	t.Parallel()
	file := func(service string) string { return "description: x\nservice: { " + service + " }\n" }
	c := load(t, tree(t, map[string]string{
		"web/image.yaml": file("depends_on: [app, db]"), "web/Dockerfile": plainDockerfile,
		"app/image.yaml": file("depends_on: [db]"), "app/Dockerfile": plainDockerfile,
		"db/image.yaml": file("shared_memory: half"), "db/Dockerfile": plainDockerfile,
		"tool/image.yaml": "description: x\n", "tool/Dockerfile": plainDockerfile,
	}))
	assert.Equal(t, []string{"db", "app", "web"}, c.Services())

	for service, problem := range map[string]string{
		"depends_on: [dp]":   `containers/web/image.yaml: unknown service "dp" in service.depends_on: did you mean "db"?`,
		"depends_on: [tool]": `unknown service "tool" in service.depends_on`,
		"depends_on: [web]":  "services depend on each other: web",
	} {
		_, err := image.LoadCatalogue(tree(t, map[string]string{
			"web/image.yaml": file(service), "web/Dockerfile": plainDockerfile,
			"db/image.yaml": file("shared_memory: half"), "db/Dockerfile": plainDockerfile,
			"tool/image.yaml": "description: x\n", "tool/Dockerfile": plainDockerfile,
		}))
		require.ErrorContains(t, err, problem)
	}
}

func TestLoadCatalogue_accepts_the_images_of_the_checkout(t *testing.T) {
	t.Parallel()
	c := load(t, filepath.Join("..", "..", "containers"))
	for _, name := range c.Names() {
		digest, err := c.Digest(name, "bookworm")
		require.NoError(t, err)
		assert.Len(t, string(digest), 64)
	}
}

// FuzzLoadCatalogue reads any image.yaml: it is a definition, or an error that says where.
func FuzzLoadCatalogue(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "containers", "*", "image.yaml"))
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text))
	}
	for _, text := range []string{
		"", "description: x\n", "description: &a [*a]\n", "{", "service: {ports: [{port: 99999999999}]}\n",
		"\xff", "description: x\nservice:\n  volumes: [{}]\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := image.LoadCatalogue(tree(t, map[string]string{"x/image.yaml": text, "x/Dockerfile": plainDockerfile}))
		if err != nil {
			assert.ErrorContains(t, err, "containers/x/", "it says where")
		}
	})
}
