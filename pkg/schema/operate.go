package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// closeTimeout is how long the end of a connection may take.
const closeTimeout = 5 * time.Second

// changelog reads the changelog and refuses what must not run.
func (m *Migrator) changelog(op Operation) (*Changelog, error) {
	c, err := LoadChangelog(m.Root, m.Changelog)
	if err != nil {
		return nil, as(op, err)
	}
	return c, c.refusal(op)
}

// begin keeps everyone else out and reads what is recorded then.
func (m *Migrator) begin(ctx context.Context, conn *pgx.Conn, op Operation) (recorded, func() error, error) {
	if m.Liquibase == nil {
		return recorded{}, nil, &Error{Op: op, Kind: Refused, Cause: "there is no Liquibase image", Hint: "Build it with: mage build:liquibase"}
	}
	release, err := m.exclude(ctx, conn, op)
	if err != nil {
		return recorded{}, nil, err
	}
	if err := m.unlock(ctx, conn, op); err != nil {
		return recorded{}, nil, m.end(release, err)
	}
	r, err := read(ctx, conn)
	if err != nil {
		return recorded{}, nil, m.end(release, err)
	}
	return r, release, nil
}

// end lets the others in again.
func (m *Migrator) end(release func() error, err error) error {
	return errors.Join(err, release())
}

// check refuses what Liquibase would not notice, or would notice too late.
func (m *Migrator) check(ctx context.Context, conn *pgx.Conn, c *Changelog, r recorded, op Operation) error {
	if err := moved(c, r.rows); err != nil {
		err.Op = op
		return err
	}
	if len(r.rows) > 0 {
		return nil
	}
	var tables []string
	for _, set := range c.Changesets {
		tables = append(tables, set.creates...)
	}
	there, err := standing(ctx, conn, tables)
	if err != nil || len(there) == 0 {
		return err
	}
	return &Error{
		Op: op, Kind: Standing,
		Cause: fmt.Sprintf("the tables %s exist already, and no changelog is recorded in this database", strings.Join(there, ", ")),
		Hint: "Rename or drop them, or give the schema a place of its own: create schema NAME, and add ?options=-c%20search_path%3DNAME " +
			"to DATABASE_URL.",
	}
}

// announce says before it happens what people may not expect.
func (m *Migrator) announce(c *Changelog, r recorded) {
	for _, w := range c.Warnings() {
		m.Report.Warn(w)
	}
	state := compareRows(c, r, m.Contexts, m.Labels)
	for _, set := range state.Skipped() {
		m.Report.Notice(fmt.Sprintf("not selected: changeset %s of %s (%s)", set, set.File, selection(set)))
	}
	for _, set := range state.Pending() {
		if set.OutOfTransaction {
			m.Report.Notice(fmt.Sprintf("changeset %s of %s runs outside a transaction: what runs before it is committed first, "+
				"and stays if a later one fails", set, set.File))
		}
	}
}

// selection is what a changeset is selected by.
func selection(c Changeset) string {
	var parts []string
	if c.Context != "" {
		parts = append(parts, "context "+c.Context)
	}
	if c.Labels != "" {
		parts = append(parts, "labels "+c.Labels)
	}
	return strings.Join(parts, ", ")
}

// after reads the state that an operation has left. With settled set, nothing is pending: that is stored.
func (m *Migrator) after(ctx context.Context, conn *pgx.Conn, c *Changelog, settled bool) (State, error) {
	r, err := read(ctx, conn)
	if err != nil {
		return State{}, err
	}
	state := compareRows(c, r, m.Contexts, m.Labels)
	state.Estimated = false
	if !settled {
		return state, nil
	}
	state.Kind = Current
	if len(r.rows) == 0 {
		state.Kind = None
	}
	return state, writeMark(ctx, conn, fingerprint(c, r.rows, m.Image, m.Contexts, m.Labels))
}

// settled tells whether a second update would find nothing to do: not so if a changeset runs always, or was
// passed over for a reason that may be gone by then.
func settled(c *Changelog, applied []Applied) bool {
	again := func(a Applied) bool { return a.Type == "FAILED" || a.Type == "SKIPPED" }
	return !slices.ContainsFunc(applied, again) &&
		!slices.ContainsFunc(c.Changesets, func(s Changeset) bool { return s.RunAlways })
}

// close ends the connection, also after ctx has ended.
func (m *Migrator) close(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx)
}

// as names the operation in an error that arose in reading the changelog.
func as(op Operation, err error) error {
	var failed *Error
	if errors.As(err, &failed) {
		failed.Op = op
	}
	return err
}

func tooMany(count, applied int) string {
	return fmt.Sprintf("%d changesets were asked to be rolled back, and %d are applied", count, applied)
}

// noLog drops what it gets.
type noLog struct{}

// Write drops p.
func (noLog) Write(p []byte) (int, error) { return len(p), nil }

// Close does nothing.
func (noLog) Close() error { return nil }

// Path is empty.
func (noLog) Path() string { return "" }
