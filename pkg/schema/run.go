package schema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/database"
)

// run is one run of Liquibase: what it was told, and what it has reported so far.
type run struct {
	m       *Migrator
	c       *Changelog
	op      Operation
	log     string // path
	reading Reading
	applied []Applied
	says    map[key]string // what Liquibase would do, of a status run
	failed  *Event
	xid     int64 // of its transaction
	told    bool  // it was told to go
	settled bool  // it has undone what it could
	partly  *Partly
	ended   bool // a changeset has ended the transaction

	mu      sync.Mutex
	pid     int        // of the server's session; 0 if it is not known yet
	current *Changeset // the one that runs, or ran last; nil before the first
	waits   string     // for whom, as another session has a lock that it needs; "" if it does not wait
}

func (m *Migrator) newRun(op Operation, c *Changelog) *run {
	return &run{m: m, c: c, op: op, says: map[key]string{}}
}

// do has Liquibase do one command. Its failure is an *Error that does not tell yet what became of the database.
func (p *run) do(ctx context.Context, in Invocation) error {
	log, err := p.m.OpenLog("liquibase_" + string(p.op))
	if err != nil {
		return err
	}
	p.log = log.Path()
	in.Changelog, in.Target, in.Contexts, in.Labels = p.c, p.m.Inside, p.m.Contexts, p.m.Labels
	in.Each, in.OnEvent, in.Log = p.m.Each, p.event, log
	if decide := in.Ready; decide != nil {
		in.Ready = func() error {
			err := decide()
			p.told = err == nil
			return err
		}
	} else {
		p.told = in.Command != CmdStatus
	}
	stop := p.watchBlocked(ctx)
	out, err := p.m.Liquibase.Run(ctx, in)
	stop()
	if lost := log.Close(); lost != nil {
		p.m.Report.Warn(lost.Error())
	}
	var refused *Error
	switch {
	case errors.As(err, &refused):
		return refused
	case err != nil:
		return p.broken(ctx, err)
	case out.Code != 0:
		return p.failure(out)
	}
	return nil
}

// broken is a run that could not be watched to its end. One that took too long has a changeset to show for it.
func (p *run) broken(ctx context.Context, err error) *Error {
	cause := context.Cause(ctx)
	if cause != nil {
		err = cause
	}
	failed := &Error{Kind: Crashed, Cause: firstLine(err.Error()), Log: p.log, Err: err}
	if cause != nil && p.current != nil {
		p.blame(failed)
	}
	if text := p.waiting(); text != "" {
		failed.Hint = strings.ToUpper(text[:1]) + text[1:] + ". End that session, or try again when it has ended."
	}
	return failed
}

// event takes one event in.
func (p *run) event(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Event {
	case "session":
		p.pid = e.PID
	case "transaction":
		p.xid = e.XID
	case "changeset":
		p.reading.Changesets = append(p.reading.Changesets, e.Changeset)
	case "read":
		p.reading.Conditional = e.Conditional
	case "will":
		p.says[e.key()] = e.Will
	case "running":
		p.current = &e.Changeset
		p.m.Report.Step(path.Base(e.File) + " " + e.ID)
	case "applied", "rolledback":
		p.ran(e)
	case "warning":
		p.m.Report.Warn(fmt.Sprintf("changeset %s of %s: %s", e.Changeset, e.File, e.Cause))
	case "partly":
		p.ended = e.Ended
		if !e.Ended {
			p.partly = &Partly{File: e.File, ID: e.ID, Author: e.Author, Ran: e.Ran, Indexes: e.Indexes}
		}
	case "settled":
		p.settled = true
	case "failed":
		p.failed = &e
	}
}

// ran takes in a changeset that has run.
func (p *run) ran(e Event) {
	kind := e.Type
	if e.Event == "rolledback" {
		kind = "ROLLED_BACK"
	}
	if text := map[string]string{
		"FAILED":   "failed and was skipped, as its failOnError:false asks",
		"SKIPPED":  "was skipped: its precondition does not hold",
		"MARK_RAN": "was marked as run without running: its precondition does not hold",
	}[kind]; text != "" {
		p.m.Report.Warn(fmt.Sprintf("changeset %s of %s %s", e.Changeset, e.File, text))
	}
	p.applied = append(p.applied, Applied{
		File: e.File, Changeset: e.ID, Author: e.Author, Type: kind,
		Seconds: (time.Duration(e.Millis) * time.Millisecond).Seconds(),
	})
}

// failure is why Liquibase ended with an error.
func (p *run) failure(out Output) *Error {
	failed := &Error{Kind: Crashed, Log: p.log}
	e := p.failed
	if e == nil {
		failed.Cause = fmt.Sprintf("Liquibase ended with status %d: %s", out.Code, cmp.Or(out.Last, "it printed nothing"))
		if out.Code == 137 {
			failed.Hint = "It was killed from outside, or ran out of memory."
		}
		return failed
	}
	failed.Kind, failed.Cause, failed.Changeset, failed.Author, failed.SQLState = e.Kind, e.Cause, e.ID, e.Author,
		e.SQLState
	set, known := p.reading.find(e.key())
	switch source := cmp.Or(e.Source, set.Source, e.File); {
	case e.Source != "":
		failed.File, failed.Line = p.c.Display(source), e.Line
	case source != "":
		failed.File, failed.Line = p.c.Display(source), set.Line
	}
	switch e.Kind {
	case Edited:
		failed.Cause = "it was changed after it had been applied: " + e.Cause
		failed.Hint = edited(set)
	case FailedChangeset:
		failed.Hint = p.hint(*e, known && set.Outside)
	case BadChangelog, Invalid:
		if strings.Contains(e.Cause, "not found in the configured search path") {
			failed.Hint = "A changelog's files lie in the directory of its root, " + p.c.Dir +
				", or below, and are named from there."
		}
	case Connection:
		failed.Hint = "Check the connection with: mage verify:db"
	}
	if told := p.m.Target.ExplainState(e.SQLState, e.Cause); e.ID == "" && told.Kind != database.Other {
		failed.Cause, failed.Hint = told.Reason, told.Remedy // what is wrong is the server, and no changeset
	}
	if e.Kind == Connection && p.current != nil {
		p.afterwards(failed)
	}
	return failed
}

// afterwards names the changeset that had run when something failed that Liquibase does for itself, such as writing
// that down: it does so in the same session, with the role and the settings that the changeset has left.
func (p *run) afterwards(failed *Error) {
	p.blame(failed)
	failed.Kind, failed.Cause = FailedChangeset, "after it had run: "+failed.Cause
	if failed.SQLState == "42501" {
		failed.Hint = "Liquibase goes on with the role that a changeset leaves: end it with reset role."
	}
}

// blame names the changeset that runs, or ran last.
func (p *run) blame(failed *Error) {
	set, _ := p.reading.find(p.current.key())
	failed.Changeset, failed.Author = p.current.ID, p.current.Author
	failed.File, failed.Line = p.c.Display(cmp.Or(set.Source, p.current.File)), set.Line
}

// edited tells what to do about a changeset whose checksum is not what it was.
func edited(set Changeset) string {
	if set.Trailing {
		return "Text after a changeset's last statement belongs to that changeset, also a comment meant for the next one: " +
			"move it below the next --changeset line."
	}
	return "Restore what was applied, and make the change in a new changeset."
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
