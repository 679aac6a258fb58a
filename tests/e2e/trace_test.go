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
		c, e := checkout.New(t, kind), enginetest.Open(t, kind)
		c.SlowBuild(t, "true "+c.Marker()) // an image that nobody has built yet
		t.Run("a file that cannot be written is refused before anything is done", func(t *testing.T) { refusedTrace(t, c) })
		t.Run("a set-up, and another target of the same command line", func(t *testing.T) { tracedSetup(t, kind, c) })
		t.Cleanup(func() { checkout.RemoveSlow(t, e) })
		t.Run("an interrupted run", func(t *testing.T) { tracedInterrupt(t, kind, c) })
	})
}

func refusedTrace(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	precious := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(precious, []byte("not a trace, and wanted"), 0o600))
	for path, want := range map[string]string{
		"no/such/directory/trace.json": filepath.Join(c.Dir, "no/such/directory/trace.json"),
		precious:                       "holds no trace",
	} {
		r := c.Mage(t, []string{"POSTSTACK_TRACE=" + path}, "setup")
		assert.Equal(t, 2, r.Code)
		assert.Contains(t, r.Stderr, want)
		assert.Contains(t, r.Stderr, "POSTSTACK_TRACE")
		assert.NotContains(t, r.Stderr, "started")
	}
	text, err := os.ReadFile(precious)
	require.NoError(t, err)
	assert.Equal(t, "not a trace, and wanted", string(text))
}

func tracedSetup(t *testing.T, kind engine.Kind, c *checkout.Checkout) {
	t.Helper()
	r := c.Mage(t, []string{"POSTSTACK_TRACE=logs/trace.json"}, "setup", "build:all")
	require.Zero(t, r.Code)
	path := filepath.Join(c.Dir, "logs", "trace.json")
	assert.Contains(t, r.Stderr, path)
	all := tracetest.Read(t, path)

	for _, phase := range []string{
		"build:base", "build:postgres", "build:liquibase", "db:start", "verify:db", "schema:update",
		"build:" + checkout.SlowImage,
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
	for _, program := range all.Find(string(kind) + " build") {
		assert.Equal(t, trace.Subprocess, program.Category)
		built = append(built, all.Lane(program))
	}
	assert.Contains(t, built, "build:"+checkout.SlowImage+" (work)")
	assert.NotEmpty(t, all.Of(trace.API))
	assert.Contains(t, all.Of(trace.Database).Names(), "connect")
	assert.NotEmpty(t, all.Of(trace.Wait), "a new database is waited for")

	password, err := os.ReadFile(filepath.Join(stateOf(c, c.Stack(t)), "password"))
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(text), string(password))
}

func tracedInterrupt(t *testing.T, kind engine.Kind, c *checkout.Checkout) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.json")
	c.SlowBuild(t, "sleep "+c.Marker())
	r := checkout.Begin(t, c.Command(t.Context(), []string{"POSTSTACK_TRACE=" + path}, "build:all"), true)
	require.Eventually(
		t,
		func() bool { return len(checkout.ProcessesWith(c.Marker())) > 0 },
		time.Minute,
		20*time.Millisecond,
		"it does not come to the build",
	)
	require.NoError(t, r.CtrlC())
	assert.Equal(t, 130, r.Wait(t), r.Output())

	all := tracetest.Read(t, path)
	assert.Equal(t, "cancelled", all.One(t, "build:"+checkout.SlowImage).Args["outcome"])
	build := all.One(t, string(kind)+" build")
	assert.Equal(t, trace.Subprocess, build.Category)
	assert.NotContains(t, build.Args, "ended", "the program has ended before the trace was written")
}
