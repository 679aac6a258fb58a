package quality_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
	"github.com/poststack/poststack/pkg/runner"
)

// measuring answers as the tests and the coverage tools would, with a profile of that text.
func measuring(root, profile string) *fake {
	return &fake{answers: []answer{
		{prefix: gotestsum, stdout: passing},
		{prefix: "go tool covdata", do: func(runner.Command) {
			_ = os.WriteFile(filepath.Join(root, "coverage", "profile.txt"), []byte(profile), 0o600)
		}},
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
		run := measuring(root, strings.Join([]string{
			"mode: atomic",
			"m/pkg/b/b.go:1.1,2.2 3 0",
			"m/pkg/a/a.go:1.1,2.2 6 1",
			"m/pkg/a/a.go:3.1,4.2 1 0",
			"m/pkg/b/b.go:1.1,2.2 3 7",
			"m/pkg/engine/enginetest/fake.go:1.1,2.2 100 0",
		}, "\n"))
		p, out := project(root, run, nil)
		require.NoError(t, coverage(t.Context(), p))
		tests := run.ran(gotestsum)
		require.Len(t, tests, 2)
		assert.Contains(t, tests[0], "-coverpkg=./pkg/... -covermode=atomic ./pkg/... ./magefiles/... ./tests/bench -args "+
			"-test.gocoverdir="+filepath.Join(root, "coverage", "unit"))
		assert.Contains(t, tests[1], "-args -test.gocoverdir="+filepath.Join(root, "coverage", "integration"))
		assert.Equal(t, []string{
			"go tool covdata textfmt -i=coverage/unit,coverage/integration -o=coverage/profile.txt",
			"go tool cover -html=coverage/profile.txt -o=coverage/index.html",
		}, run.ran("go tool cov"))
		assert.Contains(t, out.String(), ""+
			"  85.7 %      6 of     7 statements  m/pkg/a\n"+
			" 100.0 %      3 of     3 statements  m/pkg/b\n"+
			"  90.0 %      9 of    10 statements  total\n")
	})

	t.Run("data of an earlier run is removed", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		write(t, root, map[string]string{"coverage/unit/covcounters.old": "x"})
		p, _ := project(root, measuring(root, "mode: atomic\nm/pkg/a/a.go:1.1,2.2 1 1\n"), nil)
		require.NoError(t, coverage(t.Context(), p))
		assert.NoFileExists(t, filepath.Join(root, "coverage/unit/covcounters.old"))
	})

	t.Run("below the threshold it fails with both numbers", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		p, _ := project(root, measuring(root, "mode: atomic\nm/pkg/a/a.go:1.1,2.2 849 1\nm/pkg/a/a.go:3.1,4.2 151 0\n"), nil)
		err := coverage(t.Context(), p)
		var low *quality.CoverageError
		require.ErrorAs(t, err, &low)
		assert.InDelta(t, 84.9, low.Percent, 0.001)
		assert.EqualError(t, low, "measure coverage: 84.9 % is below the threshold of 85.0 %; see coverage/index.html")
	})

	t.Run("a profile that cannot be read is an error", func(t *testing.T) {
		t.Parallel()
		for _, profile := range []string{"mode: atomic\nhalf a line\n", "mode: atomic\na.go:1.1,2.2 many 1\n"} {
			root := t.TempDir()
			p, _ := project(root, measuring(root, profile), nil)
			require.ErrorContains(t, coverage(t.Context(), p), "read coverage line")
		}
	})
}
