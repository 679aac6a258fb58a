package trace_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
)

func TestRecorder_Sink(t *testing.T) {
	t.Parallel()
	r := open(t, trace.Options{})
	var passed []event.Event
	sink := r.Sink(func(e event.Event) { passed = append(passed, e) })
	at := time.Now()
	send := func(after int, e event.Event) {
		e.At = at.Add(time.Duration(after) * time.Millisecond)
		sink.Send(e)
	}
	send(1, event.Event{Kind: event.Step, Phase: "build:base", Text: "too early"})
	send(2, event.Event{Kind: event.PhaseStarted, Phase: "build:base"})
	send(3, event.Event{Kind: event.Step, Phase: "build:base", Text: "pull"})
	send(4, event.Event{Kind: event.PhaseStarted, Phase: "db:start"})
	send(5, event.Event{Kind: event.Step, Phase: "build:base", Text: "build"})
	send(6, event.Event{Kind: event.Notice, Phase: "build:base", Text: "by the way"})
	send(9, event.Event{Kind: event.PhaseEnded, Phase: "build:base", Outcome: event.Failed, Text: "no", Log: "logs/x.log"})

	all := tracetest.Written(t, r)
	assert.Len(t, passed, 7)
	span := func(name string) (cat string, from, to int64) {
		e := all.One(t, name)
		start := *e.Start - at.UnixMicro()
		return string(e.Category), (start + 500) / 1000, (start + *e.Duration + 500) / 1000
	}
	for name, want := range map[string][3]any{
		"build:base": {"phase", int64(2), int64(9)},
		"pull":       {"step", int64(3), int64(5)},
		"build":      {"step", int64(5), int64(9)},
	} {
		cat, from, to := span(name)
		assert.Equal(t, want, [3]any{cat, from, to}, name)
		assert.Equal(t, "build:base", all.Lane(all.One(t, name)))
	}
	assert.Equal(t, map[string]any{"outcome": "failed", "text": "no", "log": "logs/x.log"}, all.One(t, "build:base").Args)
	assert.Equal(t, "with the run", all.One(t, "db:start").Args["ended"], "a phase that was cut off is there, too")
	assert.Empty(t, all.Find("too early"))
	assert.Empty(t, all.Find("by the way"))
}

func TestTransport(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()
	r := open(t, trace.Options{})
	ctx := trace.Lane(trace.With(t.Context(), r), "verify:runtime")
	get := func(rt http.RoundTripper, url string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		res, err := rt.RoundTrip(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return errors.Join(err, res.Body.Close())
	}
	next := &http.Transport{}
	defer next.CloseIdleConnections()
	assert.Same(t, next, trace.Transport(t.Context(), trace.API, next), "nobody records")
	require.NoError(t, get(trace.Transport(ctx, trace.API, next), server.URL+"/v1/tea?sugar=no"))
	require.Error(t, get(trace.Transport(ctx, trace.API, next), "http://127.0.0.1:1/nobody"))
	all := tracetest.Written(t, r)
	assert.Equal(t, map[string]any{"status": 418.0}, all.One(t, "GET /v1/tea").Args)
	assert.Contains(t, all.One(t, "GET /nobody").Args["failed"], "refused")
	assert.Equal(t, "verify:runtime (work)", all.Lane(all.One(t, "GET /v1/tea")))
}
