package quality_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
)

// measuring answers as the tests and the coverage tools would, with that much covered in all.
func measuring(total string) *fake {
	return &fake{answers: []answer{
		{prefix: gotestsum, stdout: passing},
		{prefix: "go list", stdout: "m/pkg/a\nm/pkg/engine/enginetest\nm/pkg/b\n"},
		{prefix: "go tool covdata percent", stdout: "\tm/pkg/a\t\tcoverage: 85.7% of statements\n"},
		{prefix: "go tool cover -func", stdout: "m/pkg/a/a.go:2:\tA\t\t100.0%\ntotal:\t\t\t(statements)\t\t" + total + "\n"},
	}}
}

// coverage measures both layers and judges them, as mage coverage does.
func coverage(ctx context.Context, p quality.Project) error {
	if err := p.CoverUnit(ctx); err != nil {
		return err
	}
	if err := p.CoverIntegration(ctx); err != nil {
		return err
	}
	return p.JudgeCoverage(ctx)
}

func TestProject_Coverage(t *testing.T) {
	t.Parallel()

	t.Run("both layers are measured and merged", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		run := measuring("90.0%")
		p, out := project(root, run, nil)
		require.NoError(t, coverage(t.Context(), p))
		tests := run.ran(gotestsum)
		require.Len(t, tests, 2)
		assert.Contains(t, tests[0], "-coverpkg=./pkg/... -covermode=atomic ./pkg/... ./magefiles/... ./tests/bench -args "+
			"-test.gocoverdir="+filepath.Join(root, "coverage", "unit"))
		assert.Contains(t, tests[1], "-args -test.gocoverdir="+filepath.Join(root, "coverage", "integration"))
		assert.Equal(t, []string{
			"go tool covdata percent -i=coverage/unit,coverage/integration -pkg=m/pkg/a,m/pkg/b",
			"go tool covdata textfmt -o=coverage/profile.txt -i=coverage/unit,coverage/integration -pkg=m/pkg/a,m/pkg/b",
			"go tool cover -html=coverage/profile.txt -o=coverage/index.html",
			"go tool cover -func=coverage/profile.txt",
		}, run.ran("go tool cov"))
		assert.Contains(t, out.String(), "m/pkg/a\t\tcoverage: 85.7% of statements\n")
		assert.Contains(t, out.String(), "90.0 % in all: coverage/index.html\n")
	})

	t.Run("data of an earlier run is removed", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		write(t, root, map[string]string{"coverage/unit/covcounters.old": "x"})
		p, _ := project(root, measuring("100.0%"), nil)
		require.NoError(t, coverage(t.Context(), p))
		assert.NoFileExists(t, filepath.Join(root, "coverage/unit/covcounters.old"))
	})

	t.Run("below the threshold it fails with both numbers", func(t *testing.T) {
		t.Parallel()
		p, _ := project(t.TempDir(), measuring("84.9%"), nil)
		require.EqualError(t, coverage(t.Context(), p),
			"measure coverage: 84.9 % is below the threshold of 85.0 %; see coverage/index.html")
	})

	t.Run("a total that cannot be read is an error", func(t *testing.T) {
		t.Parallel()
		p, _ := project(t.TempDir(), measuring("unknown"), nil)
		require.ErrorContains(t, coverage(t.Context(), p), "read how much is covered")
	})
}
