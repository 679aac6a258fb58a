package quality_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
	"github.com/poststack/poststack/pkg/runner"
)

// passing is what go test -json writes about one package with one test.
const passing = `{"Action":"start","Package":"x/a"}
{"Action":"run","Package":"x/a","Test":"TestA"}
{"Action":"output","Package":"x/a","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"x/a","Test":"TestA","Output":"--- PASS: TestA (1.50s)\n"}
{"Action":"pass","Package":"x/a","Test":"TestA","Elapsed":1.5}
{"Action":"output","Package":"x/a","Output":"PASS\n"}
{"Action":"output","Package":"x/a","Output":"ok  \tx/a\t1.520s\tcoverage: 50.0% of statements in ./pkg/...\n"}
{"Action":"pass","Package":"x/a","Elapsed":1.52}
`

// failing is a package whose test fails in one of two subtests, after which another one panics.
const failing = `{"Action":"run","Package":"x/b","Test":"TestB"}
{"Action":"run","Package":"x/b","Test":"TestB/one"}
{"Action":"output","Package":"x/b","Test":"TestB/one","Output":"=== RUN   TestB/one\n"}
{"Action":"output","Package":"x/b","Test":"TestB/one","Output":"    b_test.go:7: wrong\n"}
{"Action":"output","Package":"x/b","Test":"TestB/one","Output":"    --- FAIL: TestB/one (0.00s)\n"}
{"Action":"fail","Package":"x/b","Test":"TestB/one"}
{"Action":"run","Package":"x/b","Test":"TestB/two"}
{"Action":"output","Package":"x/b","Test":"TestB/two","Output":"    b_test.go:9: not shown\n"}
{"Action":"pass","Package":"x/b","Test":"TestB/two"}
{"Action":"output","Package":"x/b","Test":"TestB","Output":"--- FAIL: TestB (0.00s)\n"}
{"Action":"fail","Package":"x/b","Test":"TestB"}
{"Action":"run","Package":"x/b","Test":"TestSkipped"}
{"Action":"output","Package":"x/b","Test":"TestSkipped","Output":"    b_test.go:20: needs an engine\n"}
{"Action":"output","Package":"x/b","Test":"TestSkipped","Output":"--- SKIP: TestSkipped (0.00s)\n"}
{"Action":"skip","Package":"x/b","Test":"TestSkipped"}
{"Action":"run","Package":"x/b","Test":"TestPanic"}
{"Action":"output","Package":"x/b","Test":"TestPanic","Output":"panic: boom\n"}
{"Action":"output","Package":"x/b","Output":"FAIL\tx/b\t0.010s\n"}
{"Action":"fail","Package":"x/b","Elapsed":0.01}
`

func TestProject_Unit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, cgo, want string }{
		{"with a C compiler the race detector runs", "1\n", "go test -json -short -timeout=5m -race ./pkg/... ./magefiles/..."},
		{"without one it does not", "0\n", "go test -json -short -timeout=5m ./pkg/... ./magefiles/..."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			run := &fake{answers: []answer{{prefix: "go env CGO_ENABLED", stdout: tc.cgo}, {prefix: "go test", stdout: passing}}}
			p, out := project(t.TempDir(), run, nil)
			require.NoError(t, p.Unit(t.Context()))
			assert.Equal(t, []string{tc.want}, run.ran("go test"))
			assert.Contains(t, out.String(), "ok  \tx/a\t1.520s\nunit tests: 1 passed, 0 failed, 0 skipped in ")
			assert.NotContains(t, out.String(), "TestA", "what passes is not listed")
		})
	}

	t.Run("failures are shown, what passes is not", func(t *testing.T) {
		t.Parallel()
		run := &fake{answers: []answer{{prefix: "go test", stdout: passing + failing, code: 1}}}
		p, out := project(t.TempDir(), run, nil)
		err := p.Unit(t.Context())
		require.EqualError(t, err, "run unit tests: 2 failed")
		want := "ok  \tx/a\t1.520s\n" +
			"    b_test.go:7: wrong\n    --- FAIL: TestB/one (0.00s)\n--- FAIL: TestB (0.00s)\n" +
			"panic: boom\nFAIL\tx/b\t0.010s\nunit tests: 2 passed, 2 failed, 1 skipped in "
		assert.Contains(t, out.String(), want)
		var exit *runner.ExitError
		require.ErrorAs(t, err, &exit)
	})

	t.Run("what the compiler says is passed on", func(t *testing.T) {
		t.Parallel()
		const broken = `{"ImportPath":"x/c","Action":"build-output","Output":"c.go:1: syntax error\n"}` + "\n" +
			`{"Action":"output","Package":"x/c","Output":"FAIL\tx/c [build failed]\n"}` + "\n" +
			`{"Action":"fail","Package":"x/c"}` + "\nno event at all"
		p, out := project(t.TempDir(), &fake{answers: []answer{{prefix: "go test", stdout: broken, code: 1}}}, nil)
		require.EqualError(t, p.Unit(t.Context()), "run unit tests: go exited with status 1")
		assert.Contains(t, out.String(), "c.go:1: syntax error\nFAIL\tx/c [build failed]\nno event at all\n")
	})

	t.Run("tests that were cut off count as failed", func(t *testing.T) {
		t.Parallel()
		cut := failing[:strings.Index(failing, `{"Action":"output","Package":"x/b","Output":"FAIL`)]
		p, out := project(t.TempDir(), &fake{answers: []answer{{prefix: "go test", stdout: cut, code: 1}}}, nil)
		require.Error(t, p.Unit(t.Context()))
		assert.Contains(t, out.String(), "panic: boom\nunit tests: 1 passed, 2 failed, 1 skipped in ")
	})

	t.Run("a layer without a test fails", func(t *testing.T) {
		t.Parallel()
		p, _ := project(t.TempDir(), &fake{}, nil)
		require.ErrorIs(t, p.Unit(t.Context()), quality.ErrNoTests)
	})

	t.Run("tests do not see the database of the caller", func(t *testing.T) {
		t.Parallel()
		var env []string
		run := &fake{answers: []answer{{prefix: "go test", stdout: passing, do: func(c runner.Command) { env = c.Env }}}}
		p, _ := project(t.TempDir(), run, nil)
		require.NoError(t, p.Unit(t.Context()))
		assert.True(t, slices.Contains(env, "DATABASE_URL="), env)
	})
}

func TestProject_engineLayers(t *testing.T) {
	t.Parallel()
	const packages = "x/pkg/a testing\nx/pkg/b testing x/pkg/engine/enginetest\nx/pkg/c  x/pkg/engine/enginetest testing\n"
	const list = "--- PASS: TestA (1.50s)\n"

	run := &fake{answers: []answer{{prefix: "go list", stdout: packages}, {prefix: "go test", stdout: passing}}}
	root := t.TempDir()
	p, out := project(root, run, nil)
	require.NoError(t, p.Integration(t.Context()))
	require.NoError(t, p.E2E(t.Context()))
	require.NoError(t, p.Performance(t.Context()))
	assert.Equal(t, []string{
		"go test -json -count=1 -p=1 -timeout=30m0s x/pkg/b x/pkg/c ./tests/integration/...",
		"go test -json -count=1 -p=1 -timeout=40m0s ./tests/e2e/...",
		"go test -json -count=1 -p=1 -timeout=40m0s ./tests/bench/...",
	}, run.ran("go test"))
	assert.Contains(t, out.String(), list+"ok  \tx/a\t1.520s\ne2e tests: 1 passed, 0 failed, 0 skipped in ")
}

func TestProject_E2E_skip(t *testing.T) {
	t.Parallel()
	p, out := project(t.TempDir(), &fake{answers: []answer{{prefix: "go test", stdout: failing, code: 1}}}, nil)
	var failed *quality.LayerError
	require.ErrorAs(t, p.E2E(t.Context()), &failed)
	assert.Equal(t, 2, failed.Failed)
	assert.Contains(t, out.String(), "    b_test.go:20: needs an engine\n--- SKIP: TestSkipped (0.00s)\n")
}

func TestProject_Test(t *testing.T) {
	t.Parallel()

	t.Run("the layers run in order", func(t *testing.T) {
		t.Parallel()
		summary := filepath.Join(t.TempDir(), "summary.md")
		run := &fake{answers: []answer{{prefix: "go test", stdout: passing}}}
		root := t.TempDir()
		write(t, root, map[string]string{"bin/chromium": "#!/bin/sh\n"})
		p, out := project(root, run, map[string]string{"GITHUB_STEP_SUMMARY": summary, "PATH": filepath.Join(root, "bin")})
		require.NoError(t, p.Test(t.Context()))
		assert.Len(t, run.ran("go test"), 4)
		assert.Equal(t, "go test -json -count=1 -timeout=10m0s ./tests/browser/...", run.ran("go test")[1])
		assert.Contains(t, run.ran("go test")[3], "./tests/e2e/...")
		assert.Contains(t, out.String(), "== integration\n")
		text := read(t, summary)
		assert.Equal(t, 4, strings.Count(text, "\n"))
		assert.True(t, strings.HasPrefix(text, "- **unit tests**: 1 passed, 0 failed, 0 skipped in "), text)
	})

	t.Run("a failing layer ends it, and what did not run is told", func(t *testing.T) {
		t.Parallel()
		run := &fake{answers: []answer{{prefix: "go test", stdout: failing, code: 1}}}
		p, _ := project(t.TempDir(), run, nil)
		require.EqualError(t, p.Test(t.Context()), "test: unit failed; browser, integration and e2e did not run")
		assert.Len(t, run.ran("go test"), 1)
	})
}
