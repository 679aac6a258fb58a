package trace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
)

// open begins a trace in a directory of the test.
func open(t *testing.T, o trace.Options) *trace.Recorder {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "trace.json")
	}
	o.Target = "setup"
	r, err := trace.Open(o)
	require.NoError(t, err)
	return r
}

// tick lets the time in the file's unit go on.
func tick() {
	for from := time.Now().UnixMicro(); time.Now().UnixMicro() < from+2; {
		runtime.Gosched()
	}
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	r := open(t, trace.Options{})
	ctx := trace.With(t.Context(), r)
	base, db := trace.Lane(ctx, "build:base"), trace.Lane(ctx, "db:start")

	outer := trace.Start(base, trace.Subprocess, "podman build", trace.Text("command", "podman build ."))
	inner := trace.Start(base, trace.API, "GET /images/json")
	beside := trace.Start(db, trace.Wait, "wait for it")
	inner.End(trace.Number("status", 200))
	crossing := trace.Start(base, trace.Database, "select 1")
	tick()
	outer.End(trace.Number("exit status", 3))
	tick()
	crossing.End()
	beside.End()
	beside.End(trace.Text("again", "is ignored"))
	left := trace.Start(ctx, trace.Wait, "left open")

	all := tracetest.Written(t, r)
	left.End()
	assert.Equal(t, map[string]any{"command": "podman build .", "exit status": 3.0}, all.One(t, "podman build").Args)
	assert.Equal(t, map[string]any{"status": 200.0}, all.One(t, "GET /images/json").Args)
	assert.Nil(t, all.One(t, "wait for it").Args)
	assert.Equal(t, map[string]any{"ended": "with the run"}, all.One(t, "left open").Args)
	assert.Equal(t, "target", string(all.One(t, "setup").Category))
	assert.Nil(t, all.One(t, "setup").Args, "the target ends with the recording as it should")

	assert.Equal(t, "run", all.Lane(all.One(t, "setup")))
	assert.Equal(t, "build:base (work)", all.Lane(all.One(t, "podman build")))
	assert.Equal(t, "build:base (work)", all.Lane(all.One(t, "GET /images/json")), "what is nested shares a lane")
	assert.Equal(t, "build:base (work) 2", all.Lane(all.One(t, "select 1")), "what overlaps halfway does not")
	assert.Equal(t, "db:start (work)", all.Lane(all.One(t, "wait for it")))
	assert.WithinDuration(t, time.Now(), time.UnixMicro(*all.One(t, "podman build").Start), time.Minute)
}

func TestRecorder_concurrentUse(t *testing.T) {
	t.Parallel()
	r := open(t, trace.Options{})
	ctx := trace.With(t.Context(), r)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ctx := trace.Lane(ctx, fmt.Sprint("lane ", i%3))
			for range 100 {
				outer := trace.Start(ctx, trace.Subprocess, "outer")
				trace.Start(ctx, trace.API, "inner").End()
				outer.End(trace.Number("n", i))
			}
		})
	}
	wg.Wait()
	all := tracetest.Written(t, r)
	assert.Len(t, all.Find("outer"), 800)
	assert.Len(t, all.Find("inner"), 800)
}

func TestRecorder_masksSecrets(t *testing.T) {
	t.Parallel()
	secrets := &secret.Set{}
	r := open(t, trace.Options{Secrets: secrets})
	ctx := trace.With(t.Context(), r)
	const password = `pa"ss wörd/QXYZ`
	padding := strings.Repeat("x", 490) // the text is cut off in the midst of the password
	trace.Start(ctx, trace.Database, "alter role a password '"+password+"'").End(
		trace.Text("command", padding+password), trace.Text("url", "postgresql://a:pa%22ss%20w%C3%B6rd%2FQXYZ@h/d"),
	)
	sink := r.Sink(nil).For("x " + password)
	sink.Step("outside of a phase")
	r.Sink(nil).Send(event.Event{Kind: event.PhaseStarted, Phase: password})
	secrets.Add(password) // it becomes known only now

	all := tracetest.Written(t, r)
	text, err := os.ReadFile(r.Path())
	require.NoError(t, err)
	for _, part := range []string{"ss w", "QXYZ", `pa\"`} {
		assert.NotContains(t, string(text), part)
	}
	assert.Equal(t, "alter role a password '[redacted]'", all.One(t, "alter role a password '[redacted]'").Name)
	info, err := os.Stat(r.Path())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestRecorder_cutsTextsOff(t *testing.T) {
	t.Parallel()
	r := open(t, trace.Options{})
	trace.Start(trace.With(t.Context(), r), trace.Step,
		strings.Repeat("ü", 200)+"\xff").End(trace.Text("long", strings.Repeat("y", 10_000)))
	e := tracetest.Written(t, r)
	last := e[len(e)-1]
	assert.Equal(t, strings.Repeat("ü", 60)+"…", last.Name)
	assert.Equal(t, strings.Repeat("y", 500)+"…", last.Args["long"])
}

func TestRecorder_ofTheSameRun(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trace.json")
	record := func(run, name string) tracetest.Events {
		r := open(t, trace.Options{Path: path, Run: run})
		trace.Start(trace.Lane(trace.With(t.Context(), r), "a"), trace.Wait, name).End(trace.Number("n", 1))
		return tracetest.Written(t, r)
	}
	record("another run", "forgotten")
	first := record("1", "first").Find("first")
	all := record("1", "second")
	assert.Empty(t, all.Find("forgotten"))
	assert.Equal(t, first, all.Find("first"), "the targets of one command line are in one file")
	assert.Len(t, all.Find("second"), 1)
	assert.Len(t, all.Find("setup"), 2)
	assert.Equal(t, all.Lane(all.One(t, "first")), all.Lane(all.One(t, "second")))
}

func TestNobodyRecords(t *testing.T) { //nolint:paralleltest // allocations are counted for the whole process
	none, err := trace.Open(trace.Options{})
	require.NoError(t, err)
	require.Nil(t, none)
	ctx := trace.With(t.Context(), none)
	assert.Equal(t, t.Context(), ctx)
	assert.Equal(t, ctx, trace.Lane(ctx, "a"))
	assert.Nil(t, trace.From(ctx))
	assert.Nil(t, none.Sink(nil))
	assert.Empty(t, none.Path())
	require.NoError(t, none.Close())
	//nolint:staticcheck // any key will do
	deep, cancel := context.WithCancel(context.WithValue(ctx, tracetest.Event{}.Name, 1))
	defer cancel()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		span := trace.Start(deep, trace.API, "GET /", trace.Text("a", "b"), trace.Number("c", 1))
		none.Start("lane", trace.API, "GET /", trace.Text("a", "b")).End()
		span.End(trace.Number("status", 200), trace.Text("d", "e"))
	}))
}
