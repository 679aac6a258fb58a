// Package schema migrates a database with Liquibase, which runs in a disposable container, and tells what state
// its schema is in. An update is one transaction: it happens as a whole or not at all (see the launcher in
// containers/java). Whether there is anything to do is known without Liquibase, from a fingerprint that is
// kept in the database.
package schema

import (
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/event"
)

// DefaultLockWait is how long another migration of the same database is waited for.
const DefaultLockWait = time.Minute

// Log is where Liquibase's output goes; *logging.File is one.
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

	Target    database.Target // the database as this process reaches it
	Inside    database.Target // as Liquibase's container reaches it; the zero value is Target
	Liquibase Liquibase       // nil: [Migrator.Status] estimates, the others fail
	Image     string          // what identifies Liquibase's image: its digest or ID; part of the fingerprint

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
	c, err := m.changelog(OpUpdate)
	if err != nil {
		return nil, err
	}
	container, ok := m.Liquibase.(Container)
	if !ok {
		return nil, &Error{Op: OpUpdate, Kind: Refused, Cause: "Liquibase runs in no container"}
	}
	return container.Stand(ctx, Invocation{
		Command: CmdUpdate, Changelog: c, Target: m.Inside, Contexts: m.Contexts, Labels: m.Labels,
	})
}

// Applied is a changeset that ran, or was rolled back.
type Applied struct {
	File      string // Liquibase's FILENAME
	Changeset string // its id
	Author    string
	Type      string // EXECUTED, RERAN, MARK_RAN, FAILED (failOnError:false), SKIPPED (precondition), ROLLED_BACK
	Duration  time.Duration
}

// Result is an operation that succeeded.
type Result struct {
	State    State
	Applied  []Applied // in order; empty: there was nothing to do
	Duration time.Duration
	Log      string // path of Liquibase's log; "" if Liquibase did not run
}

// Update applies the pending changesets, all of them or none, and initialises a database that has no schema.
// With nothing pending it changes nothing. Errors are *[Error], or the connection's.
func (m *Migrator) Update(ctx context.Context) (Result, error) { return m.migrate(ctx, OpUpdate) }

// Init creates the schema in a database that has none. On one that has, it changes nothing, even if changesets
// are pending: the result's state tells.
func (m *Migrator) Init(ctx context.Context) (Result, error) { return m.migrate(ctx, OpInit) }

// Rollback undoes the last count changesets, all of them or none.
func (m *Migrator) Rollback(ctx context.Context, count int) (Result, error) {
	start := time.Now()
	c, err := m.changelog(OpRollback)
	if err != nil {
		return Result{}, err
	}
	conn, err := m.Target.Connect(ctx)
	if err != nil {
		return Result{}, err
	}
	defer m.close(ctx, conn)
	r, release, err := m.begin(ctx, conn, OpRollback)
	if err != nil {
		return Result{}, err
	}
	if len(r.rows) < count || count < 1 {
		return Result{}, m.end(release, &Error{Op: OpRollback, Kind: Refused, Cause: tooMany(count, len(r.rows))})
	}
	result, err := m.run(ctx, OpRollback, Invocation{Command: CmdRollback, Changelog: c, Count: count})
	if err == nil {
		result.State, err = m.after(ctx, conn, c, false)
	}
	result.Duration = time.Since(start)
	return result, m.end(release, err)
}

// migrate is Init and Update.
func (m *Migrator) migrate(ctx context.Context, op Operation) (Result, error) {
	start := time.Now()
	c, err := LoadChangelog(m.Root, m.Changelog)
	if err != nil {
		return Result{}, as(op, err)
	}
	conn, err := m.Target.Connect(ctx)
	if err != nil {
		return Result{}, err
	}
	defer m.close(ctx, conn)
	r, err := read(ctx, conn)
	if err != nil {
		return Result{}, err
	}
	if state, nothing := m.nothingToDo(c, r, op); nothing {
		return Result{State: state, Duration: time.Since(start)}, nil
	}
	result, err := m.apply(ctx, conn, c, op)
	result.Duration = time.Since(start)
	return result, err
}

// nothingToDo tells whether the operation is known to change nothing.
func (m *Migrator) nothingToDo(c *Changelog, r recorded, op Operation) (State, bool) {
	state := compareRows(c, r, m.Contexts, m.Labels)
	if m.known(c, r) {
		state.Kind, state.Estimated = Current, false
		return state, true
	}
	return state, op == OpInit && len(r.rows) > 0
}

// known tells whether the stored fingerprint says that nothing is pending.
func (m *Migrator) known(c *Changelog, r recorded) bool {
	return r.mark != "" && len(r.rows) > 0 && r.mark == fingerprint(c, r.rows, m.Image, m.Contexts, m.Labels)
}

// apply runs Liquibase's update, with everyone else kept out.
func (m *Migrator) apply(ctx context.Context, conn *pgx.Conn, c *Changelog, op Operation) (Result, error) {
	if err := c.refusal(op); err != nil {
		return Result{}, err
	}
	r, release, err := m.begin(ctx, conn, op)
	if err != nil {
		return Result{}, err
	}
	if state, nothing := m.nothingToDo(c, r, op); nothing { // someone else has done it meanwhile
		return Result{State: state}, m.end(release, nil)
	}
	if err := m.check(ctx, conn, c, r, op); err != nil {
		return Result{}, m.end(release, err)
	}
	m.announce(c, r)
	result, err := m.run(ctx, op, Invocation{Command: CmdUpdate, Changelog: c})
	if err == nil {
		result.State, err = m.after(ctx, conn, c, settled(c, result.Applied))
	}
	return result, m.end(release, err)
}
