package browser_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/trace"
)

// importTrace has the viewer read a file's text, and tells what it has found.
const importTrace = `(text => {
	const model = new tr.Model();
	new tr.importer.Import(model, new tr.importer.ImportOptions()).importTraces([text]);
	const found = {warnings: model.importWarnings.map(w => w.message), slices: {}};
	for (const thread of model.getAllThreads())
		for (const slice of thread.sliceGroup.slices)
			found.slices[slice.title] = [thread.name, slice.category, slice.parentSlice ? slice.parentSlice.title : ""];
	return found;
})`

// TestTrace opens a trace in the viewer of chrome://tracing, which Go has a copy of for its own traces.
func TestTrace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trace.json")
	recorder, err := trace.Open(trace.Options{Path: path, Target: "setup"})
	require.NoError(t, err)
	ctx := trace.Lane(trace.With(t.Context(), recorder), "build:base")
	sink := recorder.Sink(nil)
	sink.Send(event.Event{Kind: event.PhaseStarted, Phase: "build:base"})
	sink.For("build:base").Step(`RUN echo "</script>" ü`)
	program := trace.Start(ctx, trace.Subprocess, "podman build", trace.Text("command", "podman build ."))
	trace.Start(ctx, trace.API, "GET /images/json").End(trace.Number("status", 200))
	program.End(trace.Number("exit status", 0))
	sink.Send(event.Event{Kind: event.PhaseEnded, Phase: "build:base", Outcome: event.Done})
	require.NoError(t, recorder.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)

	viewer := see(t, viewerPage(t), look{name: "trace", width: 1280, height: 800})
	found := ask[struct {
		Warnings []string             `json:"warnings"`
		Slices   map[string][3]string `json:"slices"`
	}](t, viewer, importTrace+"("+quoted(t, string(text))+")")
	assert.Empty(t, found.Warnings)
	for title, want := range map[string][3]string{
		"setup":                  {"run", "target", ""},
		"build:base":             {"build:base", "phase", ""},
		`RUN echo "</script>" ü`: {"build:base", "step", "build:base"},
		"podman build":           {"build:base (work)", "subprocess", ""},
		"GET /images/json":       {"build:base (work)", "api", "podman build"},
	} {
		assert.Equal(t, want, found.Slices[title], title)
	}
}

// viewerPage is a page with that viewer in it.
func viewerPage(t *testing.T) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	static := filepath.Join(strings.TrimSpace(string(root)), "src", "internal", "trace", "traceviewer", "static")
	components, err := os.ReadFile(filepath.Join(static, "webcomponents.min.js"))
	require.NoError(t, err)
	viewer, err := os.ReadFile(filepath.Join(static, "trace_viewer_full.html"))
	require.NoError(t, err)
	page := filepath.Join(t.TempDir(), "viewer.html")
	text := fmt.Sprintf("<!DOCTYPE html><meta charset=utf-8><script>%s</script>%s", components, viewer)
	require.NoError(t, os.WriteFile(page, []byte(text), 0o600))
	return page
}

// quoted is text as a literal of JavaScript.
func quoted(t *testing.T, text string) string {
	t.Helper()
	literal, err := json.Marshal(text)
	require.NoError(t, err)
	return string(literal)
}
