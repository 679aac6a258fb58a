package present

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/poststack/poststack/pkg/event"
)

// redraw is how often the live view is drawn anew.
const redraw = 100 * time.Millisecond

// live draws one line for each phase: a mark, its name, the time it has taken, and what it does now.
type live struct {
	progress *mpb.Progress
	colour   bool

	out io.Writer

	mu     sync.Mutex
	closed bool
	lines  map[string]*liveLine
}

// liveLine is the line of one phase. Its own lock lets mpb read it while an event changes it.
type liveLine struct {
	mu      sync.Mutex
	bar     *mpb.Bar
	name    string
	text    string
	begun   time.Time
	outcome event.Outcome
	elapsed time.Duration
}

func newLive(w io.Writer, colour bool) *live {
	return &live{
		progress: mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(redraw), mpb.WithAutoRefresh()),
		colour:   colour, out: w, lines: map[string]*liveLine{},
	}
}

// Write puts a line above those that are redrawn, or behind them once the view is closed.
func (l *live) Write(p []byte) (int, error) {
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return l.out.Write(p)
	}
	return l.progress.Write(p)
}

// handle changes the line of e's phase.
func (l *live) handle(e event.Event) {
	if e.Phase == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	line, ok := l.lines[e.Phase]
	if e.Kind == event.PhaseStarted && !ok {
		l.lines[e.Phase] = l.add(e)
		return
	}
	if !ok {
		return
	}
	line.mu.Lock()
	defer line.mu.Unlock()
	switch e.Kind {
	case event.Step:
		line.text = e.Text
	case event.PhaseEnded:
		line.text, line.outcome, line.elapsed = e.Text, e.Outcome, e.Elapsed
		line.bar.EnableTriggerComplete()
		line.bar.SetTotal(1, true)
		delete(l.lines, e.Phase)
	}
}

// add starts the line of a phase.
func (l *live) add(e event.Event) *liveLine {
	line := &liveLine{name: e.Phase, begun: e.At}
	line.bar = l.progress.New(0, mpb.NopStyle(), mpb.PrependDecorators(
		decor.Any(func(decor.Statistics) string { return line.render(l.colour) }),
	), mpb.BarFillerTrim())
	return line
}

// mark stands before a phase: it turns while the phase runs, and then tells how it ended.
func mark(o event.Outcome, elapsed time.Duration) string {
	switch o {
	case "":
		frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		return string(frames[int(elapsed/redraw)%len(frames)])
	case event.Failed:
		return "✗"
	case event.Cancelled:
		return "–"
	default:
		return "✓"
	}
}

// render is the whole line.
func (l *liveLine) render(colour bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	elapsed := l.elapsed
	if l.outcome == "" {
		elapsed = time.Since(l.begun).Truncate(redraw)
	}
	text := mark(l.outcome, elapsed) + " " + pad(l.name, 16) + " " + pad(Duration(elapsed), 7) + " "
	if l.outcome != "" {
		text += paint(string(l.outcome), l.outcome, colour) + " "
	}
	return text + l.text
}

// close ends the lines of phases that never ended, and the view.
func (l *live) close() {
	l.mu.Lock()
	for _, line := range l.lines {
		line.bar.Abort(false)
	}
	l.closed = true
	l.mu.Unlock()
	l.progress.Wait()
}

// pad fills text up to width columns.
func pad(text string, width int) string {
	for len([]rune(text)) < width {
		text += " "
	}
	return text
}

// paint colours an outcome: SGR codes of ECMA-48, 32 green, 36 cyan, 31 red, 33 yellow.
func paint(text string, o event.Outcome, colour bool) string {
	code := map[event.Outcome]string{event.Done: "32", event.Unchanged: "36", event.Passed: "32", event.Failed: "31", event.Cancelled: "33"}[o]
	if !colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
