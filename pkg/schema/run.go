package schema

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// progress is what one run of Liquibase has reported so far.
type progress struct {
	m       *Migrator
	c       *Changelog
	applied []Applied
	durable []Applied // those of applied that nothing can undo any more
	log     string    // path
	sets    []Event   // of a status run
	failed  *Event
}

// run has Liquibase do one command and turns its events into a result, or its failure into an *Error.
func (m *Migrator) run(ctx context.Context, op Operation, in Invocation) (Result, error) {
	p := &progress{m: m, c: in.Changelog}
	err := m.runWith(ctx, op, in, p)
	return Result{Applied: p.applied, Log: p.log}, err
}

func (m *Migrator) runWith(ctx context.Context, op Operation, in Invocation, p *progress) error {
	log, err := m.OpenLog("liquibase_" + string(op))
	if err != nil {
		return err
	}
	p.log = log.Path()
	in.Target, in.Contexts, in.Labels, in.OnEvent, in.Log = m.Inside, m.Contexts, m.Labels, p.event, log
	out, err := m.Liquibase.Run(ctx, in)
	err = errors.Join(err, log.Close())
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return &Error{Op: op, Kind: Crashed, Cause: firstLine(err.Error()), Log: p.log, Applied: p.durable, Err: err}
	}
	if out.Code != 0 {
		return p.failure(op, out)
	}
	return nil
}

// event takes one event in.
func (p *progress) event(e Event) {
	switch e.Event {
	case "running":
		p.m.Report.Step(path.Base(e.File) + " " + e.ID)
	case "applied", "rolledback":
		kind := e.Type
		if e.Event == "rolledback" {
			kind = "ROLLED_BACK"
		}
		p.applied = append(p.applied, Applied{
			File: e.File, Changeset: e.ID, Author: e.Author, Type: kind, Duration: time.Duration(e.Millis) * time.Millisecond,
		})
		if e.Kept == 1 {
			p.durable = slices.Clone(p.applied)
		}
		if kind == "FAILED" {
			p.m.Report.Warn(fmt.Sprintf("changeset %s (%s) of %s failed and was passed over, as its failOnError:false demands", e.ID, e.Author, e.File))
		}
	case "undone":
		p.applied = slices.DeleteFunc(p.applied, func(a Applied) bool {
			return key{a.File, a.Changeset, a.Author} == e.key()
		})
	case "committed":
		p.durable = slices.Clone(p.applied)
	case "changeset":
		p.sets = append(p.sets, e)
	case "failed":
		p.failed = &e
	}
}

// failure is why Liquibase ended with an error.
func (p *progress) failure(op Operation, out Output) error {
	failed := &Error{Op: op, Kind: Crashed, Log: p.log, Applied: p.applied}
	e := p.failed
	if e == nil {
		failed.Applied = p.durable
		failed.Cause = fmt.Sprintf("Liquibase ended with status %d: %s", out.Code, first(out.Last, "it printed nothing"))
		if out.Code == 137 {
			failed.Hint = "It was killed from outside, or for want of memory."
		}
		return failed
	}
	failed.Kind, failed.Cause, failed.Changeset, failed.Author = e.Kind, e.Cause, e.ID, e.Author
	if e.File != "" {
		failed.File = p.c.Display(e.File)
	}
	set, known := p.c.find(e.key())
	if known {
		failed.File, failed.Line = p.c.Display(set.path), p.line(set, *e)
	}
	switch e.Kind {
	case Edited:
		failed.Cause = "it was changed after it had been applied: " + e.Cause
		failed.Hint = edited(set)
	case BadChangelog:
		p.blame(failed)
	case Connection:
		failed.Hint = "Check the connection with: mage verify:db"
	}
	return failed
}

// edited tells what to do about a changeset whose checksum is not what it was.
func edited(set Changeset) string {
	if set.trailing() {
		return "Text after a changeset's last statement belongs to that changeset, also a comment meant for the next one: " +
			"move it below the next --changeset line."
	}
	return "Restore it as it was applied, and make the change in a new changeset."
}

// blame names the file in an error about the changelog's form that only its text names.
func (p *progress) blame(failed *Error) {
	failed.File = p.c.Display(p.c.Root)
	at := -1
	for _, f := range p.c.Files { // the innermost comes last
		name := regexp.MustCompile(`(?:^|[^\w./-])` + regexp.QuoteMeta(f.Path) + `(?:\W|$)`)
		if found := name.FindAllStringIndex(failed.Cause, -1); len(found) > 0 && found[len(found)-1][0] > at {
			at = found[len(found)-1][0]
			failed.File = p.c.Display(f.Path)
		}
	}
}

// line is where in the file the statement failed: at the changeset's declaration, or where PostgreSQL stopped
// reading if it said so.
func (p *progress) line(set Changeset, e Event) int {
	sql := []rune(strings.ReplaceAll(e.SQL, "\r\n", "\n"))
	if set.body == "" || len(sql) == 0 {
		return set.Line
	}
	begin, _, _ := strings.Cut(strings.TrimSpace(string(sql)), "\n")
	at := strings.Index(set.body, strings.TrimSpace(begin))
	if at < 0 {
		return set.Line
	}
	line := set.Line + 1 + strings.Count(set.body[:at], "\n")
	if e.Position > 0 && e.Position <= len(sql) {
		line += strings.Count(string(sql[:e.Position-1]), "\n")
	}
	return line
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
