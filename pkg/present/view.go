// Package present shows events to people: live on a terminal, as plain lines elsewhere. It is the only
// package that writes to the terminal, and it does no work of its own.
package present

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/secret"
)

// Mode is how events are shown.
type Mode string

// The modes. Auto is Live on a terminal, GitHub under GitHub Actions, and Plain elsewhere.
const (
	Auto   Mode = "auto"
	Live   Mode = "live"
	Plain  Mode = "plain"
	GitHub Mode = "github" // groups, annotations and a summary on the run's page
	JSON   Mode = "json"   // a Document on stdout; warnings and failures on stderr as Quiet shows them
	Quiet  Mode = "quiet"  // warnings, failures and results only
)

// Options say where a [View] writes.
type Options struct {
	Mode    Mode
	Target  string      // as named on the command line
	Stdout  io.Writer   // receives results, and nothing else
	Stderr  io.Writer   // receives progress
	Secrets *secret.Set // are masked in what is kept or printed for machines; may be nil
	Getenv  func(string) string
}

// View shows the events of one run. Its methods may be called from several goroutines.
type View struct {
	mode   Mode
	colour bool
	stdout io.Writer
	stderr io.Writer
	live   *live   // nil unless the mode is Live
	github *github // nil unless the mode is GitHub

	secrets *secret.Set

	mu       sync.Mutex
	recorder *recorder
	logger   *logrus.Logger
	ended    []event.Event  // the phases that ended, in that order
	summary  string         // file for the summary of GitHub; "" for none
	reports  []event.Report // for that
	lost     error          // why stdout could not be written
	gone     func()         // see OnGone
	unwatch  func()         // ends the watch over who reads stdout; nil if there is none
}

// Open returns a view. In Auto and Live mode it looks at whether Stderr is a terminal: asked for Live without
// one, it shows plain lines, since there is no screen to redraw.
func Open(o Options) *View {
	terminal := isTerminal(o.Stderr)
	v := &View{
		mode: o.Mode, stdout: o.Stdout, stderr: o.Stderr, secrets: o.Secrets, recorder: newRecorder(o.Target),
		colour: logging.Colour(terminal, o.Getenv),
	}
	live := terminal && o.Getenv("TERM") != "dumb" && width(o.Stderr) > 0 // a terminal may not know its width
	switch {
	case v.mode == Quiet || v.mode == Plain || v.mode == JSON:
	case v.mode == GitHub, v.mode != Live && !live && o.Getenv("GITHUB_ACTIONS") == "true":
		v.mode, v.github, v.summary = GitHub, &github{out: o.Stderr}, o.Getenv("GITHUB_STEP_SUMMARY")
	case live:
		v.mode, v.live = Live, newLive(o.Stderr, v.colour)
	default:
		v.mode = Plain
	}
	return v
}

// isTerminal tells whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Console is where a logger for the console writes, so that its lines stand above what is redrawn.
// Under GitHub the view writes all of it.
func (v *View) Console() io.Writer {
	if v.live != nil {
		return v.live
	}
	if v.github != nil {
		return io.Discard
	}
	return v.stderr
}

// Colour tells whether the console may be coloured.
func (v *View) Colour() bool { return v.colour }

// Attach makes logger the one that events are written to: to the log file always, and to the console those
// that the mode does not show in another way.
func (v *View) Attach(logger *logrus.Logger) { v.logger = logger }

// Handle shows e. It is an [event.Sink].
func (v *View) Handle(e event.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.recorder.handle(e)
	if e.Kind == event.Output {
		v.pass(e.Text)
		return
	}
	if e.Kind == event.Result {
		v.record(e)
		v.print(e.Report)
		return
	}
	if e.Kind == event.PhaseEnded {
		v.ended = append(v.ended, e)
	}
	if v.live != nil {
		v.live.handle(e)
	}
	if v.github != nil {
		v.github.handle(e)
	}
	v.write(e)
}

// pass writes a line of a result that has no end yet to stdout, and to no log: it may come from one.
func (v *View) pass(line string) {
	if v.mode != JSON {
		v.sumUp()
		v.say(v.safe(line) + "\n")
		v.watchReader()
		if v.gone != nil && errors.Is(v.lost, syscall.EPIPE) {
			v.gone()
		}
	}
}

// OnGone has gone called when nobody reads a result that has no end yet.
func (v *View) OnGone(gone func()) { v.gone = gone }

// say writes to stdout.
func (v *View) say(text string) {
	if _, err := io.WriteString(v.stdout, text); err != nil && v.lost == nil {
		v.lost = err
	}
}

// Lost is why not all of the result could be written, or nil. A reader that went away (mage images | head -1) has what
// it wanted: that is no failure.
func (v *View) Lost() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lost == nil || errors.Is(v.lost, syscall.EPIPE) {
		return nil
	}
	return fmt.Errorf("write the result: %w", v.lost)
}

// print writes a result to stdout, behind the phases that led to it. A table without rows is none.
func (v *View) print(r *event.Report) {
	if v.mode == JSON {
		return // the document has it
	}
	v.sumUp()
	if v.summary != "" {
		v.reports = append(v.reports, *r)
	}
	if r.Text != "" {
		if v.github != nil {
			v.github.mask(v.secrets.In(r.Text))
		}
		v.say(v.safe(r.Text) + "\n")
	}
	if len(r.Rows) > 0 {
		v.say(v.safe(renderTable(r.Header, r.Rows, width(v.stdout))) + "\n")
	}
}

// Close ends the view: no line is redrawn, no group is open. It shows the phases in a table if there were several,
// and returns the run as a value, which it prints in JSON mode.
func (v *View) Close(end End) Document {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sumUp()
	if v.unwatch != nil {
		v.unwatch()
	}
	document := v.recorder.close(end)
	if v.mode == JSON {
		text, err := document.encode(v.secrets)
		if err != nil {
			_, _ = fmt.Fprintln(v.stderr, err)
		}
		v.say(string(text))
	}
	if v.github != nil && end.Err != nil {
		v.github.fail(document.Target, v.secrets.Redact(end.Err.Error()), document.Place)
	}
	if v.summary != "" {
		if err := appendSummary(v.summary, document, v.reports, v.secrets); err != nil {
			_, _ = fmt.Fprintln(v.stderr, v.safe(err.Error()))
		}
	}
	return document
}

// sumUp ends the live view and shows the phases that ended since it was last called, if there were several.
func (v *View) sumUp() {
	if v.live != nil {
		v.live.close()
		v.live = nil
	}
	if v.github != nil {
		v.github.close()
	}
	if len(v.ended) > 1 && v.mode != Quiet && v.mode != JSON {
		_, _ = fmt.Fprintln(v.stderr, v.safe(phaseTable(v.ended, width(v.stderr))))
	}
	v.ended = nil
}

// width is the width of the terminal w in columns, or 0 if it is none.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 0
}
