package present_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/present"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminal is a view on a terminal of that many columns, with the real logger in front of it.
func terminal(t *testing.T, columns int, environment map[string]string) (*screen, *present.View) {
	t.Helper()
	s := openScreen(t, columns)
	view := present.Open(present.Options{
		Mode: present.Auto, Stdout: s.file, Stderr: s.file,
		Getenv: func(name string) string { return environment[name] },
	})
	logs, err := logging.Open(logging.Options{Dir: t.TempDir(), Console: view.Console(), Colour: view.Colour()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, logs.Close()) })
	view.Attach(logs.Logger())
	return s, view
}

// run is the events of a run in which each kind of outcome occurs.
func run() []event.Event {
	long := strings.Repeat("a long way to say what is done now ", 5)
	var events []event.Event
	for _, end := range []event.Event{
		{Phase: "build:base", Outcome: event.Unchanged, Text: long},
		{Phase: "build:postgres", Outcome: event.Done, Text: "Größe 400 MB"},
		{Phase: "verify:db", Outcome: event.Passed},
		{
			Phase: "schema:update", Outcome: event.Failed, Text: "no such table",
			Detail: []string{"the last line of the output"},
		},
		{Phase: "setup", Outcome: event.Cancelled},
	} {
		end.Kind, end.Elapsed = event.PhaseEnded, 1300*time.Millisecond
		events = append(
			events,
			event.Event{Kind: event.PhaseStarted, Phase: end.Phase, At: time.Now()},
			event.Event{Kind: event.Step, Phase: end.Phase, Text: long},
			event.Event{Kind: event.Step, Phase: end.Phase, Text: "RUN\tmake\tall\r\n\tand\tmore\x1b[2J"},
			end,
		)
	}
	return append(events, event.Event{Kind: event.Warning, Phase: "verify:db", Text: "the server is old"})
}

// lineOf returns the index of the last line that has all the words, or -1.
func lineOf(lines []string, words ...string) int {
	found := -1
	for i, line := range lines {
		has := true
		for _, word := range words {
			has = has && strings.Contains(line, word)
		}
		if has {
			found = i
		}
	}
	return found
}

func TestView_live(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{120, 80, 40} {
		t.Run(fmt.Sprintf("no line is wider than %d columns, and the last state stays", columns), func(t *testing.T) {
			t.Parallel()
			screen := openScreen(t, columns)
			view := present.Open(present.Options{Stdout: screen.file, Stderr: screen.file, Getenv: func(string) string {
				return ""
			}})
			for _, e := range run() {
				view.Handle(e)
			}
			view.Close(present.End{})
			lines := screen.close()

			text := strings.Join(lines, "\n")
			assert.LessOrEqual(t, screen.widest, columns, text)
			for phase, outcome := range map[string]event.Outcome{
				"build:base": event.Unchanged, "build:postgres": event.Done, "verify:db": event.Passed,
				"schema:update": event.Failed, "setup": event.Cancelled,
			} {
				at := lineOf(lines, phase, string(outcome))
				assert.GreaterOrEqual(t, at, 0, "%s ends as %s in\n%s", phase, outcome, text)
			}
			assert.Contains(t, screen.raw.String(), "\x1b[3", "outcomes are coloured")
		})
	}
	t.Run("log lines stand above what is redrawn", func(t *testing.T) {
		t.Parallel()
		screen, view := terminal(t, 80, nil)
		view.Handle(event.Event{Kind: event.PhaseStarted, Phase: "build:base", At: time.Now()})
		view.Handle(event.Event{Kind: event.Notice, Phase: "build:base", Text: "taken from the local store"})
		view.Handle(event.Event{
			Kind: event.PhaseEnded, Phase: "build:base", Outcome: event.Done, Elapsed: time.Second, Text: "77 MB",
		})
		view.Close(present.End{})
		lines := screen.close()

		notice, phase := lineOf(lines, "taken from the local store"), lineOf(lines, "77 MB")
		require.GreaterOrEqual(t, notice, 0, lines)
		assert.Greater(t, phase, notice, lines)
	})
	t.Run("NO_COLOR is honoured", func(t *testing.T) {
		t.Parallel()
		screen, view := terminal(t, 80, map[string]string{"NO_COLOR": "1"})
		for _, e := range run() {
			view.Handle(e)
		}
		view.Close(present.End{})
		screen.close()
		assert.NotRegexp(t, `\x1b\[[0-9;]*m`, screen.raw.String())
	})
	t.Run("a phase that never ended leaves its line", func(t *testing.T) {
		t.Parallel()
		screen, view := terminal(t, 80, nil)
		view.Handle(event.Event{Kind: event.PhaseStarted, Phase: "build:base", At: time.Now()})
		view.Close(present.End{})
		assert.GreaterOrEqual(t, lineOf(screen.close(), "build:base"), 0)
	})
	t.Run("without phases there are only the lines that were logged", func(t *testing.T) {
		t.Parallel()
		screen, view := terminal(t, 80, nil)
		view.Handle(event.Event{Kind: event.Warning, Text: "no engine works"})
		view.Handle(event.Event{Kind: event.Result, Report: &event.Report{Text: "a result"}})
		view.Close(present.End{})
		lines := screen.close()
		assert.GreaterOrEqual(t, lineOf(lines, "no engine works"), 0)
		assert.GreaterOrEqual(t, lineOf(lines, "a result"), 0)
	})
	t.Run("what is said after the end is still shown", func(t *testing.T) {
		t.Parallel()
		screen, view := terminal(t, 80, nil)
		view.Close(present.End{})
		view.Handle(event.Event{Kind: event.PhaseStarted, Phase: "late", At: time.Now()})
		view.Handle(event.Event{Kind: event.Warning, Text: "late, but not lost"})
		assert.GreaterOrEqual(t, lineOf(screen.close(), "late, but not lost"), 0)
	})
	t.Run("a dumb terminal gets plain lines", func(t *testing.T) {
		t.Parallel()
		screen, view := terminal(t, 80, map[string]string{"TERM": "dumb"})
		for _, e := range run() {
			view.Handle(e)
		}
		view.Close(present.End{})
		screen.close()
		assert.NotContains(t, screen.raw.String(), "\x1b[")
	})
}

func TestView_table_on_a_narrow_terminal(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{120, 80, 40} {
		t.Run(fmt.Sprintf("%d columns hold all of it", columns), func(t *testing.T) {
			t.Parallel()
			screen := openScreen(t, columns)
			view := present.Open(present.Options{
				Mode: present.Plain, Stdout: screen.file, Stderr: screen.file, Getenv: func(string) string { return "" },
			})
			tags := "latest, 0123456789ab, " +
				"a-tag-that-is-so-long-that-no-line-of-the-terminal-can-hold-the-whole-of-it-at-once, last"
			view.Handle(event.Event{Kind: event.Result, Report: &event.Report{
				Header: []string{"image", "tags", "size"},
				Rows:   [][]string{{"postgres", tags, "400 MB"}, {"base", "latest", "80 MB"}},
			}})
			view.Close(present.End{})
			lines := screen.close()

			assert.LessOrEqual(t, screen.widest, columns, strings.Join(lines, "\n"))
			all := strings.ReplaceAll(strings.Join(strings.Fields(strings.Join(lines, " ")), ""), "400MB", "")
			assert.Contains(t, all, strings.ReplaceAll(tags, " ", ""), strings.Join(lines, "\n"))
		})
	}
}

func TestView_concurrent_phases(t *testing.T) {
	t.Parallel()
	screen, view := terminal(t, 80, nil)
	var phases sync.WaitGroup
	for i := range 8 {
		phases.Go(func() {
			for j := range 40 {
				name := fmt.Sprintf("phase:%d", i)
				view.Handle(event.Event{Kind: event.PhaseStarted, Phase: name, At: time.Now()})
				view.Handle(event.Event{Kind: event.Step, Phase: name, Text: fmt.Sprintf("step %d", j)})
				view.Handle(event.Event{Kind: event.PhaseEnded, Phase: name, Outcome: event.Done})
			}
		})
	}
	phases.Wait()
	view.Close(present.End{})
	lines := screen.close()
	for i := range 8 {
		assert.GreaterOrEqual(t, lineOf(lines, fmt.Sprintf("phase:%d", i), "done"), 0)
	}
}

func TestView_modes(t *testing.T) {
	t.Parallel()
	t.Run("live without a terminal is plain", func(t *testing.T) {
		t.Parallel()
		_, stderr := show(t, present.Live, logrus.InfoLevel, setup()...)
		assert.Contains(t, stderr, "staging the context")
	})
	for _, mode := range []present.Mode{present.Plain, present.Quiet} {
		t.Run(string(mode)+" redraws nothing on a terminal", func(t *testing.T) {
			t.Parallel()
			screen := openScreen(t, 80)
			view := present.Open(present.Options{
				Mode: mode, Stdout: screen.file, Stderr: screen.file, Getenv: func(string) string { return "" },
			})
			for _, e := range run() {
				view.Handle(e)
			}
			view.Close(present.End{})
			screen.close()
			assert.NotContains(t, screen.raw.String(), "\x1b[")
		})
	}
	t.Run("a view without a logger shows results", func(t *testing.T) {
		t.Parallel()
		var out strings.Builder
		view := present.Open(present.Options{Mode: present.Plain, Stdout: &out, Stderr: &out, Getenv: func(string) string {
			return ""
		}})
		view.Handle(event.Event{Kind: event.Notice, Text: "unheard"})
		view.Handle(event.Event{Kind: event.Result, Report: &event.Report{Text: "ready"}})
		view.Close(present.End{})
		assert.Equal(t, "ready\n", out.String())
	})
}
