package quality_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
)

const gotool = "go tool -modfile=tools/go.mod "

func TestProject_PreCommit(t *testing.T) {
	t.Parallel()

	t.Run("it formats, stages and lints what is staged, by kind", func(t *testing.T) {
		t.Parallel()
		root := repository(t, map[string]string{"pkg/thing/old.go": "package thing\n", "gone.sh": "true\n"})
		write(t, root, map[string]string{
			"pkg/thing/thing.go":       "package thing\n\nvar  a  int\n",
			"pkg/thing/new file.go":    "package thing\n",
			"pkg/other/other.go":       "package other\n",
			"tools/x/main.go":          "package main\n",
			"magefile.go":              "//go:build ignore\n\npackage main\n",
			".ci/run":                  "#!/bin/sh\ntrue\n",
			".github/workflows/ci.yml": "name: ci\n",
			"docs/text.md":             "# Text\n",
			"pkg/thing/unstaged.go":    "package thing\n",
		})
		require.NoError(t, os.Remove(filepath.Join(root, "gone.sh")))
		git(t, root, "add", "-A", "--", ".", ":!pkg/thing/unstaged.go")
		run := &fake{answers: []answer{{prefix: gotool + "golangci-lint fmt", do: func(runner.Command) {
			write(t, root, map[string]string{"pkg/thing/thing.go": "package thing\n\nvar a int\n"})
		}}}}
		p, out := project(root, realGit(run), nil)
		require.NoError(t, p.PreCommit(t.Context()), out)
		assert.Equal(t, []string{
			gotool + "golangci-lint fmt magefile.go pkg/other/other.go pkg/thing/new file.go pkg/thing/thing.go",
			gotool + "golangci-lint run ./pkg/other ./pkg/thing",
			gotool + "shfmt -w .ci/run",
			"shellcheck -x .ci/run",
			"go tool -modfile=tools/actionlint/go.mod actionlint",
		}, run.lines)
		assert.Equal(t, "package thing\n\nvar a int", git(t, root, "show", ":pkg/thing/thing.go"))
		assert.Equal(t, "?? pkg/thing/unstaged.go", git(t, root, "status", "--porcelain", "--", "pkg/thing/unstaged.go"))
	})

	t.Run("a file that is staged in part is refused, and left as it is", func(t *testing.T) {
		t.Parallel()
		root := repository(t, nil)
		write(t, root, map[string]string{"pkg/thing/thing.go": "package staged\n"})
		git(t, root, "add", "pkg/thing/thing.go")
		write(t, root, map[string]string{"pkg/thing/thing.go": "package later\n"})
		run := &fake{}
		p, _ := project(root, realGit(run), nil)
		require.ErrorContains(t, p.PreCommit(t.Context()),
			"format what is staged: pkg/thing/thing.go changed since git add; stage all of it, or none")
		assert.Empty(t, run.lines)
	})

	t.Run("nothing of a kind that is checked costs nothing", func(t *testing.T) {
		t.Parallel()
		root := repository(t, nil)
		write(t, root, map[string]string{"docs/text.md": "# Text\n"})
		git(t, root, "add", "-A")
		run := &fake{}
		p, _ := project(root, realGit(run), nil)
		require.NoError(t, p.PreCommit(t.Context()))
		assert.Empty(t, run.lines)
	})

	t.Run("a finding stops the commit and names the way around", func(t *testing.T) {
		t.Parallel()
		root := repository(t, nil)
		write(t, root,
			map[string]string{"pkg/thing/thing.go": "package other\n", "containers/a/Dockerfile": "FROM scratch\n"})
		git(t, root, "add", "-A")
		run := &fake{answers: []answer{{prefix: gotool + "golangci-lint run", code: 1}}}
		p, _ := project(root, realGit(run), nil)
		err := p.PreCommit(t.Context())
		require.EqualError(t, err, "pre-commit: go failed; commit without the hook: git commit --no-verify")
		assert.Len(t, run.ran("go -C tools/dockerlint run"), 1)
	})
}
