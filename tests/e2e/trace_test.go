package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestTrace records runs: one that ends well, one that is interrupted, and one whose file cannot be written.
func TestTrace(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		s := &site{c: checkout.New(t, kind), kind: kind, engine: enginetest.Open(t, kind)}
		s.marker = "300.0" + digits(s.c.Dir)
		s.slowBuild(t, "true "+s.marker) // an image that nobody has built yet
		t.Run("a file that cannot be written is refused before anything is done", func(t *testing.T) { refusedTrace(t, s) })
		t.Run("a set-up, and another target of the same command line", func(t *testing.T) { tracedSetup(t, s) })
		t.Cleanup(func() { s.removeSlow(t) })
		t.Run("an interrupted run", func(t *testing.T) { tracedInterrupt(t, s) })
	})
}

func refusedTrace(t *testing.T, s *site) {
	t.Helper()
	precious := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(precious, []byte("not a trace, and wanted"), 0o600))
	for path, want := range map[string]string{
		"no/such/directory/trace.json": filepath.Join(s.c.Dir, "no/such/directory/trace.json"),
		precious:                       "holds no trace",
	} {
		r := s.c.Mage(t, []string{"POSTSTACK_TRACE=" + path}, "setup")
		assert.Equal(t, 2, r.Code)
		assert.Contains(t, r.Stderr, want)
		assert.Contains(t, r.Stderr, "POSTSTACK_TRACE")
		assert.NotContains(t, r.Stderr, "started")
	}
	text, err := os.ReadFile(precious)
	require.NoError(t, err)
	assert.Equal(t, "not a trace, and wanted", string(text))
}

func tracedSetup(t *testing.T, s *site) {
	t.Helper()
	r := s.c.Mage(t, []string{"POSTSTACK_TRACE=logs/trace.json"}, "setup", "build:all")
	require.Zero(t, r.Code)
	path := filepath.Join(s.c.Dir, "logs", "trace.json")
	assert.Contains(t, r.Stderr, path)
	all := tracetest.Read(t, path)

	for _, phase := range []string{
		"build:base", "build:postgres", "build:liquibase", "db:start", "verify:db", "schema:update", "build:" + slowImage,
	} {
		spans := all.Find(phase)
		require.NotEmpty(t, spans, phase)
		assert.Equal(t, trace.Phase, spans[0].Category)
		assert.Equal(t, outcome(r, phase), spans[0].Args["outcome"], phase)
		assert.Equal(t, phase, all.Lane(spans[0]))
	}
	assert.Equal(t, []string{"setup", "build:all"}, all.Of(trace.Target).Names())
	assert.NotEmpty(t, all.Of(trace.Step))
	var built []string
	for _, program := range all.Find(string(s.kind) + " build") {
		assert.Equal(t, trace.Subprocess, program.Category)
		built = append(built, all.Lane(program))
	}
	assert.Contains(t, built, "build:"+slowImage+" (work)")
	assert.NotEmpty(t, all.Of(trace.API))
	assert.Contains(t, all.Of(trace.Database).Names(), "connect")
	assert.NotEmpty(t, all.Of(trace.Wait), "a new database is waited for")

	password, err := os.ReadFile(filepath.Join(stateOf(s.c, s.c.Stack(t)), "password"))
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(text), string(password))
}

func tracedInterrupt(t *testing.T, s *site) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.json")
	s.slowBuild(t, "sleep "+s.marker)
	r := begin(t, mage(s.c, []string{"POSTSTACK_TRACE=" + path}, "build:all"), true)
	require.Eventually(t, func() bool { return len(processesWith(s.marker)) > 0 }, time.Minute, 20*time.Millisecond,
		"it does not come to the build")
	require.NoError(t, ctrlC(r))
	assert.Equal(t, 130, r.wait(t), r.output())

	all := tracetest.Read(t, path)
	assert.Equal(t, "cancelled", all.One(t, "build:"+slowImage).Args["outcome"])
	build := all.One(t, string(s.kind)+" build")
	assert.Equal(t, trace.Subprocess, build.Category)
	assert.NotContains(t, build.Args, "ended", "the program has ended before the trace was written")
}
