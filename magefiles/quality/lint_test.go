package quality_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sources is a checkout with one of everything that lint looks at, and files that it must pass over.
func sources(t *testing.T) string {
	t.Helper()
	return checkout(t, map[string]string{
		".ci/run":                        "#!/usr/bin/env bash\ntrue\n",
		"containers/a/Dockerfile":        "FROM scratch\n",
		"containers/a/entrypoint.sh":     "#!/usr/bin/env bash\ntrue\n",
		"containers/a/files/helper":      "#!/bin/sh\ntrue\n",
		"containers/a/files/tool":        "#!/usr/bin/python3\n",
		"tests/data/Dockerfile":          "FROM scratch\n",
		"tests/e2e/testdata/broken.sh":   "if\n",
		"logs/old.sh":                    "if\n",
		".git/hooks/pre-commit":          "#!/bin/sh\nif\n",
		"docs/data":                      "\x7fELF no line end",
		"containers/a/files/empty":       "",
		"containers/a/files/settings.sh": "A=1\n",
	})
}

func TestProject_Lint(t *testing.T) {
	t.Parallel()

	t.Run("it checks every kind of file", func(t *testing.T) {
		t.Parallel()
		root, run := sources(t), &fake{}
		p, out := project(root, run, nil)
		require.NoError(t, p.Docs(t.Context()))
		run.lines = nil
		require.NoError(t, p.Lint(t.Context()), out)
		scripts := " .ci/run containers/a/entrypoint.sh containers/a/files/helper containers/a/files/settings.sh"
		assert.Equal(t, []string{
			"go mod tidy -diff",
			"go tool -modfile=tools/go.mod shfmt -d" + scripts,
			"shellcheck -x" + scripts,
			"go tool -modfile=tools/actionlint/go.mod actionlint",
			"go -C tools/dockerlint test ./...",
			"go -C tools/dockerlint run . -root " + root + " containers/a/Dockerfile",
			"go tool -modfile=tools/go.mod golangci-lint run",
		}, run.lines)
	})

	t.Run("it tells of everything that fails", func(t *testing.T) {
		t.Parallel()
		run := &fake{answers: []answer{
			{prefix: "go mod tidy", code: 1},
			{prefix: "go tool -modfile=tools/go.mod golangci-lint", stdout: "pkg/a.go:1: wrong\n", code: 1},
		}}
		p, out := project(sources(t), run, nil)
		err := p.Lint(t.Context())
		require.EqualError(t, err, "lint: modules, go and docs failed")
		assert.Contains(t, out.String(), "pkg/a.go:1: wrong\n")
		assert.Contains(t, out.String(), "run mage docs and commit the result")
		assert.Len(t, run.ran("shellcheck"), 1, "a failed check stops no other")
	})

	t.Run("a missing shellcheck is named with its remedy", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("executable file not found in $PATH")
		p, out := project(sources(t), &fake{answers: []answer{{prefix: "shellcheck", err: cause}}}, nil)
		err := p.Lint(t.Context())
		require.EqualError(t, err, "lint: shell and docs failed")
		assert.Contains(t, out.String(),
			`run "shellcheck": it is not installed; on Debian and Ubuntu: apt-get install shellcheck`)
	})

	t.Run("a cancelled run starts nothing more", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		run := &fake{}
		p, _ := project(sources(t), run, nil)
		require.ErrorIs(t, p.Lint(ctx), context.Canceled)
		assert.Empty(t, run.lines)
	})
}

func TestProject_Format(t *testing.T) {
	t.Parallel()
	run := &fake{}
	p, _ := project(sources(t), run, nil)
	require.NoError(t, p.Format(t.Context()))
	assert.Equal(t, []string{
		"go tool -modfile=tools/go.mod golangci-lint fmt",
		"go tool -modfile=tools/go.mod shfmt -w .ci/run containers/a/entrypoint.sh containers/a/files/helper " +
			"containers/a/files/settings.sh",
	}, run.lines)
}
