package event_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/event"
)

func TestSink_Send(t *testing.T) {
	t.Parallel()
	t.Run("stamps what has no time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var got []event.Event
			sink := event.Sink(func(e event.Event) { got = append(got, e) })
			begin := time.Now()
			earlier := begin.Add(-time.Hour)
			sink.Send(event.Event{Kind: event.Notice, Text: "now"})
			time.Sleep(time.Second)
			sink.Send(event.Event{Kind: event.Notice, Text: "later"})
			sink.Send(event.Event{Kind: event.Notice, Text: "told before", At: earlier})
			assert.Equal(t, []event.Event{
				{At: begin, Kind: event.Notice, Text: "now"},
				{At: begin.Add(time.Second), Kind: event.Notice, Text: "later"},
				{At: earlier, Kind: event.Notice, Text: "told before"},
			}, got)
		})
	})
	t.Run("no sink drops everything", func(t *testing.T) {
		t.Parallel()
		var sink event.Sink
		assert.NotPanics(t, func() {
			sink.Send(event.Event{})
			sink.Result(event.Report{})
			sink.For("build:base").Step("x")
			event.Reporter{}.Warn("x")
		})
	})
}

func TestReporter(t *testing.T) {
	t.Parallel()
	var got []event.Event
	sink := event.Sink(func(e event.Event) {
		assert.False(t, e.At.IsZero())
		e.At = time.Time{}
		got = append(got, e)
	})
	r := sink.For("build:base")
	r.Step("step 1 of 3")
	r.Notice("taken from the local store")
	r.Warn("no registry answers")
	sink.Result(event.Report{Text: "done"})
	assert.Equal(t, []event.Event{
		{Kind: event.Step, Phase: "build:base", Text: "step 1 of 3"},
		{Kind: event.Notice, Phase: "build:base", Text: "taken from the local store"},
		{Kind: event.Warning, Phase: "build:base", Text: "no registry answers"},
		{Kind: event.Result, Report: &event.Report{Text: "done"}},
	}, got)
}
