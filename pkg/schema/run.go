package schema

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/event"
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
	pid     int        // of the server's session
	xid     int64      // of its transaction
	told    bool       // it was told to go
	current *Changeset // the one that runs, or ran last; nil before the first
	settled bool       // it has undone what it could
	partly  *Partly
	ended   bool // a changeset has ended the transaction
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
	in.Each, in.OnEvent, in.Log = p.m.Each, p.event, &lossyLog{Log: log, report: p.m.Report}
	if decide := in.Ready; decide != nil {
		in.Ready = func() error {
			err := decide()
			p.told = err == nil
			return err
		}
	} else {
		p.told = in.Command != CmdStatus
	}
	out, err := p.m.Liquibase.Run(ctx, in)
	if closeErr := log.Close(); closeErr != nil {
		p.m.Report.Warn(fmt.Sprintf("close log %s: %v", p.log, closeErr))
	}
	var refused *Error
	switch {
	case errors.As(err, &refused):
		refused.Op = p.op
		return refused
	case err != nil:
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return &Error{Op: p.op, Kind: Crashed, Cause: firstLine(err.Error()), Log: p.log, Err: err}
	case out.Code != 0:
		return p.failure(out)
	}
	return nil
}

// event takes one event in.
func (p *run) event(e Event) {
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
	switch {
	case e.Event == "rolledback":
		kind = "ROLLED_BACK"
	case kind == "FAILED":
		p.m.Report.Warn(fmt.Sprintf("changeset %s of %s failed and was passed over, as its failOnError:false demands", e.Changeset, e.File))
	case kind == "SKIPPED":
		p.m.Report.Notice(fmt.Sprintf("changeset %s of %s was passed over: its precondition does not hold", e.Changeset, e.File))
	case kind == "MARK_RAN":
		p.m.Report.Notice(fmt.Sprintf("changeset %s of %s was marked as run without running: its precondition does not hold", e.Changeset, e.File))
	}
	p.applied = append(p.applied, Applied{
		File: e.File, Changeset: e.ID, Author: e.Author, Type: kind, Duration: time.Duration(e.Millis) * time.Millisecond,
	})
}

// failure is why Liquibase ended with an error.
func (p *run) failure(out Output) *Error {
	failed := &Error{Op: p.op, Kind: Crashed, Log: p.log}
	e := p.failed
	if e == nil {
		failed.Cause = fmt.Sprintf("Liquibase ended with status %d: %s", out.Code, first(out.Last, "it printed nothing"))
		if out.Code == 137 {
			failed.Hint = "It was killed from outside, or for want of memory."
		}
		return failed
	}
	failed.Kind, failed.Cause, failed.Changeset, failed.Author, failed.SQLState = e.Kind, e.Cause, e.ID, e.Author, e.SQLState
	set, known := p.reading.find(e.key())
	switch source := first(e.Source, set.Source, e.File); {
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
	case Connection:
		failed.Hint = "Check the connection with: mage verify:db"
	}
	return failed
}

// edited tells what to do about a changeset whose checksum is not what it was.
func edited(set Changeset) string {
	if set.Trailing {
		return "Text after a changeset's last statement belongs to that changeset, also a comment meant for the next one: " +
			"move it below the next --changeset line."
	}
	return "Restore it as it was applied, and make the change in a new changeset."
}

// settle asks the database what became of it after a run that failed: what is recorded now and was not before, what
// is partly applied, and whether the rest is known to be undone. It asks on a connection of its own, once the session
// that did the work has ended; ctx may have ended by then, too.
func (p *run) settle(ctx context.Context, before recorded) Outcome {
	if !p.told {
		return Outcome{}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	o := Outcome{Ended: p.ended, Partly: p.partly}
	conn, err := p.m.Target.Connect(ctx)
	if err == nil {
		defer p.m.close(ctx, conn)
		err = p.ask(ctx, conn, before, &o)
	}
	if err != nil {
		return Outcome{Reason: strings.TrimSuffix(firstLine(err.Error()), ".")}
	}
	o.Asked = true
	return o
}

func (p *run) ask(ctx context.Context, conn *pgx.Conn, before recorded, o *Outcome) error {
	if err := p.awaitEnd(ctx, conn); err != nil {
		return err
	}
	after, err := read(ctx, conn)
	if err != nil {
		return err
	}
	was := map[row]bool{}
	for _, w := range before.rows {
		was[w] = true
	}
	now := map[row]bool{}
	for _, w := range after.rows {
		if now[w] = true; !was[w] {
			o.Applied = append(o.Applied, Applied{File: w.file, Changeset: w.id, Author: w.author, Type: w.exec})
		}
	}
	for _, w := range before.rows {
		if _, again := after.row(w.key); !now[w] && !again {
			o.Applied = append(o.Applied, Applied{File: w.file, Changeset: w.id, Author: w.author, Type: "ROLLED_BACK"})
		}
	}
	if o.Partly == nil && !o.Ended {
		o.Partly = after.state().Partly
	}
	if o.Undone = p.settled; o.Undone {
		return nil
	}
	return p.askTransaction(ctx, conn, after, o)
}

// askTransaction asks what became of the transaction of a Liquibase that ended without a word. If it was committed
// although the changeset that ran is not recorded, that has ended it by itself.
func (p *run) askTransaction(ctx context.Context, conn *pgx.Conn, after recorded, o *Outcome) error {
	var status *string
	if p.xid != 0 {
		if err := conn.QueryRow(ctx, `select txid_status($1)`, p.xid).Scan(&status); err != nil {
			return fmt.Errorf("ask what became of the transaction: %w", err)
		}
	}
	o.Undone = status != nil && *status == "aborted"
	if p.current == nil || o.Undone || o.Partly != nil {
		return nil
	}
	if _, done := after.row(p.current.key()); !done {
		o.Ended = status != nil && *status == "committed"
		o.Unsure = p.current.String()
	}
	return nil
}

// settleTimeout is how long it may take to learn what became of a run that failed.
const settleTimeout = 20 * time.Second

// awaitEnd waits until the session that did the work is gone, and ends it if it does not go: only then what it has
// done is all that it has done.
func (p *run) awaitEnd(ctx context.Context, conn *pgx.Conn) error {
	if p.pid == 0 {
		return nil
	}
	for start := time.Now(); ; {
		var alive bool
		const question = `select exists (select from pg_stat_activity where pid = $1 and datname = current_database())`
		if err := conn.QueryRow(ctx, question, p.pid).Scan(&alive); err != nil || !alive {
			return err
		}
		if time.Since(start) > settleTimeout/4 {
			if _, err := conn.Exec(ctx, `select pg_terminate_backend($1)`, p.pid); err != nil {
				return fmt.Errorf("end the session of Liquibase: %w", err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("session %d of Liquibase is still at work", p.pid)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lossyLog writes to a log as long as that can be written to: a migration does not end for its log's sake.
type lossyLog struct {
	Log
	report event.Reporter
	lost   bool
}

// Write says once that the log is lost.
func (l *lossyLog) Write(text []byte) (int, error) {
	if l.lost {
		return len(text), nil
	}
	if _, err := l.Log.Write(text); err != nil {
		l.lost = true
		l.report.Warn(fmt.Sprintf("write log %s: %v; Liquibase goes on without it", l.Path(), err))
	}
	return len(text), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// first is the first of values that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
