package schema

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
)

// Command is what Liquibase is to do.
type Command string

// The commands that the image's launcher runs as one transaction.
const (
	CmdUpdate   Command = "update"
	CmdStatus   Command = "status" // reads only: what it does is rolled back
	CmdRollback Command = "rollback-count"
)

// Event is a line of the launcher's standard output. See containers/liquibase/launcher.
type Event struct {
	Event    string `json:"event"` // ready, running, applied, rolledback, committed, undone, changeset, failed, ended
	File     string `json:"file"`
	ID       string `json:"id"`
	Author   string `json:"author"`
	Type     string `json:"type"` // of applied: EXECUTED, RERAN, MARK_RAN, FAILED, SKIPPED
	Millis   int64  `json:"ms"`
	Kept     int    `json:"kept"` // of applied: 1 if it cannot be undone any more
	Will     string `json:"will"` // of changeset: run, ran, skip
	Context  string `json:"context"`
	Labels   string `json:"labels"`
	Kind     Kind   `json:"kind"` // of failed
	Cause    string `json:"cause"`
	SQL      string `json:"sql"`      // the statement that failed
	Position int    `json:"position"` // in SQL, in characters from 1; 0 if unknown
	SQLState string `json:"sqlstate"`
	Others   int    `json:"others"` // further changesets with the same failure
}

func (e Event) key() key { return key{e.File, e.ID, e.Author} }

// eventWriter passes on what it is given, and decodes the lines that are events.
type eventWriter struct {
	next  io.Writer
	on    func(Event)
	ended func() // called when the event of that name comes

	mu   sync.Mutex
	held []byte
}

// Write never fails for a line that is no event: Java itself may print one.
func (w *eventWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, p...)
	for {
		line, rest, found := bytes.Cut(w.held, []byte("\n"))
		if !found {
			break
		}
		var e Event
		switch err := json.Unmarshal(line, &e); {
		case err != nil || e.Event == "":
		case e.Event == "ended":
			w.ended()
		default:
			w.on(e)
		}
		w.held = rest
	}
	return w.next.Write(p)
}

// endedLine is the launcher's last line on standard error when all went well.
const endedLine = "liquibase: ended"

// lastLine remembers the last line that says something.
type lastLine struct {
	next  io.Writer
	ended func() // called when endedLine comes

	mu   sync.Mutex
	held []byte
	line string
}

// Write passes p on.
func (w *lastLine) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, p...)
	for {
		line, rest, found := bytes.Cut(w.held, []byte("\n"))
		if !found {
			break
		}
		switch text := string(bytes.TrimSpace(line)); text {
		case "":
		case endedLine:
			w.ended()
		default:
			w.line = text
		}
		w.held = rest
	}
	return w.next.Write(p)
}

func (w *lastLine) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if text := bytes.TrimSpace(w.held); len(text) > 0 {
		return string(text)
	}
	return w.line
}
