package quality_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
	"github.com/poststack/poststack/pkg/runner"
)

// gotestsum is how the layers run.
const gotestsum = "go tool -modfile=tools/gotestsum/go.mod gotestsum --format-hide-empty-pkg "

// parallel is a flag of the integration layer.
var parallel = fmt.Sprintf("-parallel=%d", 2*runtime.GOMAXPROCS(0)) //nolint:gochecknoglobals // not known before

// What gotestsum writes last.
const (
	passing = "✓  pkg/a (1.5s)\n\nDONE 1 tests in 1.520s\n"
	failing = "✖  pkg/b (38ms)\n\nDONE 9 tests, 2 skipped, 5 failures, 1 error in 0.257s\n"
)

func TestProject_Unit(t *testing.T) {
	t.Parallel()
	const format = gotestsum + "--format=pkgname-and-test-fails --hide-summary=skipped -- "
	t.Run("it needs no C compiler", func(t *testing.T) {
		t.Parallel()
		run := &fake{answers: []answer{{prefix: gotestsum, stdout: passing}}}
		p, out := project(t.TempDir(), run, nil)
		require.NoError(t, p.Unit(t.Context()))
		assert.Equal(t, []string{format + "-short -vet=off -timeout=5m ./pkg/... ./magefiles/... ./tests/bench"}, run.ran(""))
		assert.Contains(t, out.String(), passing+"unit tests: 1 passed, 0 failed, 0 skipped in ")
	})
	for _, tc := range []struct{ name, cgo, want string }{
		{
			"with a C compiler the race detector runs", "1\n",
			format + "-short -vet=off -timeout=5m -race ./pkg/... ./magefiles/... ./tests/bench",
		},
		{"without one it does not", "0\n", format + "-short -vet=off -timeout=5m ./pkg/... ./magefiles/... ./tests/bench"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			run := &fake{answers: []answer{{prefix: "go env CGO_ENABLED", stdout: tc.cgo}, {prefix: gotestsum, stdout: passing}}}
			p, out := project(t.TempDir(), run, nil)
			require.NoError(t, p.Race(t.Context()))
			assert.Equal(t, []string{tc.want}, run.ran(gotestsum))
			assert.Contains(t, out.String(), passing+"race tests: 1 passed, 0 failed, 0 skipped in ")
		})
	}

	t.Run("failures are counted", func(t *testing.T) {
		t.Parallel()
		p, out := project(t.TempDir(), &fake{answers: []answer{{prefix: gotestsum, stdout: failing, code: 1}}}, nil)
		require.EqualError(t, p.Unit(t.Context()), "run unit tests: 5 failed")
		assert.Contains(t, out.String(), "unit tests: 2 passed, 5 failed, 2 skipped in ")
	})

	t.Run("a run that does not come to its end fails", func(t *testing.T) {
		t.Parallel()
		p, out := project(t.TempDir(), &fake{answers: []answer{{prefix: gotestsum, err: errors.New("cut off")}}}, nil)
		require.EqualError(t, p.Unit(t.Context()), "run unit tests: cut off")
		assert.NotContains(t, out.String(), "0 passed", "nobody knows")
	})

	t.Run("in CI what fails is run once more, and named", func(t *testing.T) {
		t.Parallel()
		const twice = "DONE 5 tests, 1 skipped, 2 failures in 0.024s\n\n=== Failed\n=== FAIL: pkg/a TestA/sub (0.00s)\n" +
			"    first\n\n=== FAIL: pkg/a TestA (0.00s)\n\nDONE 2 runs, 8 tests, 1 skipped, 2 failures in 1.026s\n"
		run := &fake{answers: []answer{{prefix: gotestsum, stdout: twice}}}
		p, out := project(t.TempDir(), run, map[string]string{"CI": "true"})
		require.NoError(t, p.Unit(t.Context()))
		assert.Equal(t, []string{
			gotestsum + "--format=pkgname-and-test-fails --hide-summary=skipped --rerun-fails=1 --rerun-fails-max-failures=6 " +
				"--rerun-fails-run-root-test --packages=./pkg/... ./magefiles/... ./tests/bench -- -short -vet=off -timeout=5m",
		}, run.ran(gotestsum))
		assert.Contains(t, out.String(), "unit tests: 4 passed, 0 failed, 1 skipped in ")
		assert.Contains(t, out.String(), "unit tests: held only when they were run again: TestA\n")

		run = &fake{answers: []answer{{prefix: gotestsum, stdout: twice, code: 1}}}
		p, out = project(t.TempDir(), run, map[string]string{"CI": "true"})
		require.EqualError(t, p.Unit(t.Context()), "run unit tests: 2 failed", "also the second time")
		assert.NotContains(t, out.String(), "held only")
	})

	t.Run("a layer without a test fails", func(t *testing.T) {
		t.Parallel()
		p, _ := project(t.TempDir(), &fake{answers: []answer{{prefix: gotestsum, stdout: "DONE 0 tests in 0.1s\n"}}}, nil)
		require.ErrorIs(t, p.Unit(t.Context()), quality.ErrNoTests)
	})

	t.Run("tests do not see the database of the caller", func(t *testing.T) {
		t.Parallel()
		var env []string
		run := &fake{answers: []answer{{prefix: gotestsum, stdout: passing, do: func(c runner.Command) { env = c.Env }}}}
		p, _ := project(t.TempDir(), run, nil)
		require.NoError(t, p.Unit(t.Context()))
		assert.True(t, slices.Contains(env, "DATABASE_URL="), env)
	})

	t.Run("the summary of a run on GitHub gets the counts", func(t *testing.T) {
		t.Parallel()
		summary := filepath.Join(t.TempDir(), "summary.md")
		run := &fake{answers: []answer{{prefix: gotestsum, stdout: passing}}}
		p, _ := project(t.TempDir(), run, map[string]string{"GITHUB_STEP_SUMMARY": summary})
		require.NoError(t, p.Unit(t.Context()))
		assert.Regexp(t, `^- \*\*unit tests\*\*: 1 passed, 0 failed, 0 skipped in \S+\n$`, read(t, summary))
	})
}

func TestProject_engineLayers(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, map[string]string{
		"a/a_test.go": "fake := enginetest.NewFake()", "b/b_test.go": "enginetest.ForEach(t, test)",
		"c/c_test.go": "e := enginetest.Open(t, kind)",
	})
	var packages string
	for _, name := range []string{"a", "b", "c", "d"} {
		packages += "x/pkg/" + name + " " + filepath.Join(root, name) + "\n"
	}
	run := &fake{answers: []answer{{prefix: "go list", stdout: packages}, {prefix: gotestsum, stdout: passing}}}
	p, out := project(t.TempDir(), run, nil)
	require.NoError(t, p.Integration(t.Context()))
	require.NoError(t, p.E2E(t.Context()))
	require.NoError(t, p.Performance(t.Context()))
	assert.Equal(t, []string{
		gotestsum + "--format=testname -- -count=1 -vet=off -p=2 -timeout=45m0s " + parallel +
			" x/pkg/b x/pkg/c ./tests/shell/... ./tests/integration/...",
		gotestsum + "--format=testname -- -count=1 -vet=off -p=1 -timeout=45m0s ./tests/e2e/...",
		gotestsum + "--format=testname -- -count=1 -vet=off -p=1 -timeout=45m0s ./tests/bench/...",
	}, run.ran(gotestsum))
	assert.Contains(t, out.String(), passing+"e2e tests: 1 passed, 0 failed, 0 skipped in ")
}

// TestGotestsum runs the program itself: what it writes last is what the counts are read from.
func TestGotestsum(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, map[string]string{
		"go.mod": "module example.org/stack\n\ngo 1.26\n",
		"tests/e2e/some_test.go": "package e2e\n\nimport \"testing\"\n\nfunc TestPass(*testing.T) {}\n\n" +
			"func TestSkip(t *testing.T) { t.Skip(\"needs an engine\") }\n\n" +
			"func TestFail(t *testing.T) { t.Error(\"wrong\") }\n",
		"tools/gotestsum/go.mod": read(t, repo(t), "tools/gotestsum/go.mod"),
		"tools/gotestsum/go.sum": read(t, repo(t), "tools/gotestsum/go.sum"),
	})
	p, out := project(root, runner.Exec{}, nil)
	require.EqualError(t, p.E2E(t.Context()), "run e2e tests: 1 failed", out)
	assert.Contains(t, out.String(), "\ne2e tests: 1 passed, 1 failed, 1 skipped in ")
	assert.Contains(t, out.String(), "wrong")
	assert.Contains(t, out.String(), "needs an engine", "why a test was skipped")
	_, err := os.Stat(filepath.Join(root, "go.sum"))
	require.ErrorIs(t, err, os.ErrNotExist, "the module of the tests is left alone")
}
