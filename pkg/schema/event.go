package schema

import (
	"bytes"
	"encoding/json"
	"io"
)

// Command is what Liquibase is to do.
type Command string

// The commands that the image's launcher runs as one transaction.
const (
	CmdUpdate   Command = "update"
	CmdStatus   Command = "status" // reads only: what it does is rolled back
	CmdRollback Command = "rollback-count"
)

// Event is a line of the launcher's standard output. See containers/java/launcher.
type Event struct {
	// session, changeset, read, ready, running, applied, rolledback, transaction, partly, settled, will, warning,
	// failed, ended
	Event string `json:"event"`
	Changeset
	Conditional bool   `json:"conditional"` // of read
	Type        string `json:"type"`        // of applied: EXECUTED, RERAN, MARK_RAN, FAILED, SKIPPED
	Millis      int64  `json:"ms"`
	Will        string `json:"will"` // of will: run, ran, skip
	PID         int    `json:"pid"`  // of session: the server's process
	XID         int64  `json:"xid"`  // of transaction: its ID
	Kind        Kind   `json:"kind"` // of failed
	Cause       string `json:"cause"`
	SQLState    string `json:"sqlstate"`
	SQL         string `json:"sql"`     // of failed: the statement, or its beginning
	Ended       bool   `json:"ended"`   // of partly: the changeset has ended the transaction that it ran in
	Ran         *int   `json:"ran"`     // of partly: how many of its statements had run; nil if it is not known
	Indexes     string `json:"indexes"` // of partly: invalid indexes that it has left
}

// lineWriter passes on what it is given, and hands over each line that is whole.
type lineWriter struct {
	next io.Writer
	line func(text []byte)
	held []byte
}

// Write implements [io.Writer].
func (w *lineWriter) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	for {
		line, rest, found := bytes.Cut(w.held, []byte("\n"))
		if !found {
			break
		}
		w.line(line)
		w.held = rest
	}
	return w.next.Write(p)
}

// events decodes the lines that are events, and calls ended for the one of that name. A line that is none is no
// error: Java itself may print one.
func events(next io.Writer, on func(Event), ended func()) *lineWriter {
	return &lineWriter{next: next, line: func(text []byte) {
		var e Event
		switch err := json.Unmarshal(text, &e); {
		case err != nil || e.Event == "":
		case e.Event == "ended":
			ended()
		default:
			on(e)
		}
	}}
}

// endedLine is the launcher's last line on standard error when all went well.
const endedLine = "liquibase: ended"

// lastLine remembers the last line that says something.
type lastLine struct {
	lineWriter
	last string
}

// newLastLine calls ended when endedLine comes.
func newLastLine(next io.Writer, ended func()) *lastLine {
	l := &lastLine{}
	l.next, l.line = next, func(text []byte) {
		switch text := string(bytes.TrimSpace(text)); text {
		case "":
		case endedLine:
			ended()
		default:
			l.last = text
		}
	}
	return l
}

func (l *lastLine) String() string {
	if text := bytes.TrimSpace(l.held); len(text) > 0 {
		return string(text)
	}
	return l.last
}
