// Package schema migrates a database with Liquibase, which runs in a disposable container, and tells what state
// its schema is in. An update is one transaction: it happens as a whole or not at all (see the launcher in
// containers/java). Only Liquibase reads changelogs; what it has read is kept, so that whether there is anything to
// do is known without starting it, from that and the rows that it has recorded.
package schema

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/event"
)

// DefaultLockWait is how long another migration of the same database is waited for.
const DefaultLockWait = time.Minute

// Log is where Liquibase's output goes; *logging.File is one. What it cannot write it tells when it is closed.
type Log interface {
	io.WriteCloser
	Path() string
}

// Options are what a [Migrator] works with.
type Options struct {
	Changelog string // root changelog or its directory, relative to Root or absolute
	Root      string // the checkout
	Contexts  string // names; "" selects only changesets without a context
	Labels    string // label expression; "" selects only changesets without a label

	Target    database.Target    // the database as this process reaches it
	Sessions  *database.Sessions // what is asked of it goes through these; nil logs in each time
	Inside    database.Target    // as Liquibase's container reaches it; the zero value is Target
	Own       bool               // the server is a container of the stack: no pooler stands before it
	Each      bool               // each changeset is a transaction of its own, as with Liquibase itself
	Liquibase Liquibase          // nil: [Migrator.Status] tells what it knows without, the others fail
	Image     string             // what identifies Liquibase's image: its digest or ID
	Cache     string             // directory for what Liquibase has read; "" keeps nothing

	OpenLog  func(operation string) (Log, error) // called when Liquibase runs: "liquibase_update"; nil keeps no log
	Report   event.Reporter
	LockWait time.Duration // 0 is DefaultLockWait; negative does not wait
}

// Migrator does schema operations on one database.
type Migrator struct{ Options }

// New returns a migrator.
func New(o Options) *Migrator {
	if o.Inside == (database.Target{}) {
		o.Inside = o.Target
	}
	if o.LockWait == 0 {
		o.LockWait = DefaultLockWait
	}
	if o.OpenLog == nil {
		o.OpenLog = func(string) (Log, error) { return noLog{}, nil }
	}
	return &Migrator{o}
}

// Stand starts a Liquibase that waits for the database, which is still being made, to be updated. See [Standby].
func (m *Migrator) Stand(ctx context.Context) (*Standby, error) {
	c, err := LoadChangelog(m.Root, m.Changelog)
	if err != nil {
		return nil, err
	}
	container, ok := m.Liquibase.(Container)
	if !ok {
		return nil, &Error{Kind: Refused, Cause: "Liquibase runs in no container"}
	}
	return container.Stand(ctx, Invocation{
		Command: CmdUpdate, Changelog: c, Target: m.Inside, Contexts: m.Contexts, Labels: m.Labels, Each: m.Each,
	})
}

// Applied is a changeset that ran, or was rolled back.
type Applied struct {
	File      string `json:"file"` // Liquibase's FILENAME
	Changeset string `json:"id"`
	Author    string `json:"author"`
	// EXECUTED, RERAN, MARK_RAN, FAILED (failOnError:false), SKIPPED (precondition), ROLLED_BACK
	Type    string  `json:"type"`
	Seconds float64 `json:"seconds"`
}

// Result is an operation that succeeded.
type Result struct {
	State   State
	Applied []Applied // in order; empty: there was nothing to do
	Log     string    // path of Liquibase's log; "" if Liquibase did not run
	run     *run      // nil if Liquibase did not run
}

// Update applies the pending changesets, all of them or none, and initialises a database that has no schema.
// With nothing pending it changes nothing. Errors are *[Error], or the connection's.
func (m *Migrator) Update(ctx context.Context) (Result, error) { return m.migrate(ctx, OpUpdate) }

// Init creates the schema in a database that has none. On one that has, it changes nothing, even if changesets
// are pending: the result's state tells.
func (m *Migrator) Init(ctx context.Context) (Result, error) { return m.migrate(ctx, OpInit) }

// Rollback undoes the last count changesets, all of them or none.
func (m *Migrator) Rollback(ctx context.Context, count int) (Result, error) {
	return m.operate(ctx, func(ctx context.Context, conn *pgx.Conn, c *Changelog) (Result, error) {
		return m.exclusively(ctx, conn, func(ctx context.Context, r recorded) (Result, error) {
			if len(r.rows) < count || count < 1 {
				return Result{}, &Error{
					Kind:  Refused,
					Cause: fmt.Sprintf("%d changesets were asked to be rolled back, and %d are applied", count, len(r.rows)),
				}
			}
			return m.change(ctx, m.newRun(OpRollback, c), r, Invocation{Command: CmdRollback, Count: count})
		})
	})
}

// migrate is Init and Update.
func (m *Migrator) migrate(ctx context.Context, op Operation) (Result, error) {
	return m.operate(ctx, func(ctx context.Context, conn *pgx.Conn, c *Changelog) (Result, error) {
		r, err := read(ctx, conn)
		if err != nil {
			return Result{}, err
		}
		if state, nothing := m.nothingToDo(c, r); nothing {
			return Result{State: state}, nil
		}
		if op == OpInit && len(r.rows) > 0 {
			state, err := m.state(ctx, c, r)
			return Result{State: state}, err
		}
		return m.exclusively(ctx, conn, func(ctx context.Context, r recorded) (Result, error) {
			if state, nothing := m.nothingToDo(c, r); nothing { // someone else has done it meanwhile
				return Result{State: state}, nil
			}
			return m.update(ctx, op, c, r)
		})
	})
}

// nothingToDo tells whether it is known, without Liquibase, that an update would change nothing.
func (m *Migrator) nothingToDo(c *Changelog, r recorded) (State, bool) {
	reading := m.kept(c, r.server)
	if reading == nil {
		return State{}, false
	}
	state, sure := compare(reading, r)
	return state, sure && state.Kind == Current && len(state.only(RunsAlways)) == 0
}

// update runs Liquibase's update, with everyone else kept out. Whether the changelog is refused is decided before that
// changes anything: from what is kept, or when it has been read.
func (m *Migrator) update(ctx context.Context, op Operation, c *Changelog, r recorded) (Result, error) {
	p, in := m.newRun(op, c), Invocation{Command: CmdUpdate}
	if known := m.kept(c, r.server); known == nil {
		in.Ready = func() error { return m.agree(c, &p.reading, r) }
	} else if err := m.agree(c, known, r); err != nil {
		return Result{}, err
	}
	return m.change(ctx, p, r, in)
}

// agree returns why the changelog is refused, or says what an update will do.
func (m *Migrator) agree(c *Changelog, reading *Reading, r recorded) error {
	if err := refusal(c, reading); err != nil {
		return err
	}
	if err := moved(c, reading, r); err != nil {
		return err
	}
	m.announce(c, reading, r)
	return nil
}

// announce says before it happens what people may not expect.
func (m *Migrator) announce(c *Changelog, reading *Reading, r recorded) {
	for _, w := range warnings(c, reading) {
		m.Report.Warn(w)
	}
	state, _ := compare(reading, r)
	for _, line := range expected(state) {
		m.Report.Notice(line)
	}
}
