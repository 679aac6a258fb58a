package schema

import (
	"cmp"
	"context"
)

// What the tests of this package need to reach without a database.

// Row is what is recorded of an applied changeset.
type Row struct{ File, ID, Author, MD5, Exec string }

func rows(list []Row) []row {
	var all []row
	for i, r := range list {
		all = append(all,
			row{key: newKey(r.File, r.ID, r.Author), md5: r.MD5, exec: cmp.Or(r.Exec, "EXECUTED"), order: i + 1})
	}
	return all
}

// Compare is compare.
func Compare(c *Reading, applied []Row, lock *Lock) (State, bool) {
	return compare(c, recorded{rows: rows(applied), lock: lock})
}

// FindMoved is moved.
func FindMoved(c *Changelog, r *Reading, applied []Row) *Error {
	return moved(c, r, recorded{rows: rows(applied)})
}

// Warnings is warnings.
func Warnings(c *Changelog, r *Reading) []string { return warnings(c, r) }

// Refusal is refusal.
func Refusal(c *Changelog, r *Reading) *Error { return refusal(c, r) }

// Execute has Liquibase do one command, without a look at the database.
func (m *Migrator) Execute(ctx context.Context, op Operation, c *Changelog, in Invocation) (Result, error) {
	p := m.newRun(op, c)
	err := p.do(ctx, in)
	return Result{Applied: p.applied, Log: p.log}, err
}

// KindOf is the state's kind.
func (s State) KindOf() StateKind { return s.kind() }

// HintFor is what to do about a changeset that failed.
func (m *Migrator) HintFor(e Event, outside bool) string { return (&run{m: m}).hint(e, outside) }

// HintAfter is what to do about a changeset that failed in a database where nothing is recorded.
func HintAfter(e Event, bare bool) string {
	failed := &Error{Kind: FailedChangeset, SQLState: e.SQLState}
	(&run{failed: &e}).explain(failed, recorded{bare: bare})
	return failed.Hint
}
