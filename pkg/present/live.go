package present

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

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

	mu     sync.Mutex
	out    io.Writer
	closed bool
	bars   []*mpb.Bar           // of all phases; they stay open until the view closes
	lines  map[string]*liveLine // of the phases that run
}

// liveLine is the line of one phase. Its own lock lets mpb read it while an event changes it.
type liveLine struct {
	mu      sync.Mutex
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

// Write puts a line above those that are redrawn. Before there are any, and once the view is closed, it writes
// to the terminal itself: mpb keeps what it is given until it redraws, and drops what is left when it ends.
func (l *live) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.bars) == 0 {
		return l.out.Write(p)
	}
	return l.progress.Write(p)
}

// handle changes the line of e's phase.
func (l *live) handle(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, ok := l.lines[e.Phase]
	switch {
	case l.closed || e.Phase == "":
	case e.Kind == event.PhaseStarted && !ok:
		l.lines[e.Phase] = l.add(e)
	case e.Kind == event.PhaseEnded && ok:
		delete(l.lines, e.Phase)
		line.set(e)
	case e.Kind == event.Step && ok:
		line.set(e)
	}
}

// add starts the line of a phase.
func (l *live) add(e event.Event) *liveLine {
	line := &liveLine{name: e.Phase, begun: e.At}
	l.bars = append(l.bars, l.progress.New(0, mpb.NopStyle(), mpb.PrependDecorators(
		decor.Any(func(decor.Statistics) string { return line.head(l.colour) }),
		decor.Any(func(decor.Statistics) string { return line.now() }),
	), mpb.BarFillerTrim()))
	return line
}

// set takes over what e says. It must not ask mpb for anything, which may be waiting for the line's lock.
func (l *liveLine) set(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = strings.Map(func(r rune) rune { // a tab or an escape sequence would make the line wider than it counts
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, e.Text)
	if e.Outcome == event.Failed {
		l.text = "see above" // where the line of the log says it in full
	}
	l.outcome, l.elapsed = e.Outcome, e.Elapsed
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

// head is the line's beginning, up to how the phase ended. It stands by itself since mpb takes the colours from
// what it has to cut.
func (l *liveLine) head(colour bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	elapsed := l.elapsed
	if l.outcome == "" {
		elapsed = time.Since(l.begun).Truncate(redraw)
	}
	text := fmt.Sprintf("%s %-16s %-7s ", mark(l.outcome, elapsed), l.name, Duration(elapsed))
	if l.outcome != "" {
		text += paint(string(l.outcome), l.outcome, colour) + " "
	}
	return text
}

// now is the line's end: what the phase does, or what came of it.
func (l *liveLine) now() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}

// close draws every line for the last time, also of phases that never ended. A bar's end makes mpb redraw, and
// so shows what was written last.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, bar := range l.bars {
		bar.Abort(false)
	}
	l.progress.Wait()
	l.closed = true
}

// paint colours an outcome: SGR codes of ECMA-48, 32 green, 36 cyan, 31 red, 33 yellow.
func paint(text string, o event.Outcome, colour bool) string {
	code := map[event.Outcome]string{
		event.Done: "32", event.Unchanged: "36", event.Passed: "32", event.Failed: "31", event.Cancelled: "33",
	}[o]
	if !colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
