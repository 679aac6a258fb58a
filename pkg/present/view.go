// Package present shows events to people: live on a terminal, as plain lines elsewhere. It is the only
// package that writes to the terminal, and it does no work of its own.
package present

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/secret"
)

// Mode is how events are shown.
type Mode string

// The modes. Auto is Live on a terminal and Plain elsewhere.
const (
	Auto  Mode = "auto"
	Live  Mode = "live"
	Plain Mode = "plain"
	Quiet Mode = "quiet" // warnings, failures and results only
	JSON  Mode = "json"  // a Document on stdout; warnings and failures on stderr as Quiet shows them
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
	live   *live // nil unless the mode is Live
	stderr io.Writer

	secrets *secret.Set

	mu       sync.Mutex
	recorder *recorder
	logger   *logrus.Logger
	ended    []event.Event // the phases that ended, in that order
}

// Open returns a view. In Auto and Live mode it looks at whether Stderr is a terminal: asked for Live without
// one, it shows plain lines, since there is no screen to redraw.
func Open(o Options) *View {
	terminal := isTerminal(o.Stderr)
	v := &View{
		mode: o.Mode, stdout: o.Stdout, stderr: o.Stderr, secrets: o.Secrets, recorder: newRecorder(o.Target),
		colour: logging.Colour(terminal, o.Getenv),
	}
	switch {
	case v.mode == Quiet || v.mode == Plain || v.mode == JSON:
	case terminal && o.Getenv("TERM") != "dumb" && width(o.Stderr) > 0: // a terminal may not know its width
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
func (v *View) Console() io.Writer {
	if v.live != nil {
		return v.live
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
	v.write(e)
}

// print writes a result to stdout, behind the phases that led to it. A reader that went away (mage images |
// head -1) is no failure of ours.
func (v *View) print(r *event.Report) {
	if v.mode == JSON {
		return // the document has it
	}
	v.sumUp()
	if r.Text != "" {
		_, _ = fmt.Fprintln(v.stdout, r.Text)
	}
	if len(r.Header) > 0 {
		_, _ = fmt.Fprintln(v.stdout, renderTable(r.Header, r.Rows, width(v.stdout)))
	}
}

// Close ends the live view, shows the phases in a table if there were several, and returns the run as a value. In
// JSON mode it prints that.
func (v *View) Close(end End) Document {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sumUp()
	document := v.recorder.close(end)
	if v.mode == JSON {
		v.printDocument(document)
	}
	return document
}

// printDocument writes the document to stdout.
func (v *View) printDocument(d Document) {
	text, err := d.encode(v.secrets)
	if err != nil {
		_, _ = fmt.Fprintln(v.stderr, err)
		return
	}
	_, _ = v.stdout.Write(text)
}

// sumUp ends the live view and shows the phases that ended since it was last called, if there were several.
func (v *View) sumUp() {
	if v.live != nil {
		v.live.close()
		v.live = nil
	}
	if len(v.ended) > 1 && v.mode != Quiet && v.mode != JSON {
		_, _ = fmt.Fprintln(v.stderr, phaseTable(v.ended, width(v.stderr)))
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
