package schema

import "context"

// What the tests of this package need to reach without a database.

// Row is what is recorded of an applied changeset.
type Row struct{ File, ID, Author, MD5 string }

func rows(list []Row) []row {
	var all []row
	for _, r := range list {
		all = append(all, row{key: key{r.File, r.ID, r.Author}, md5: r.MD5, exec: "EXECUTED"})
	}
	return all
}

// Compare is compareRows.
func Compare(c *Changelog, applied []Row, lock *Lock, contexts, labels string) State {
	return compareRows(c, recorded{tables: len(applied) > 0, rows: rows(applied), lock: lock}, contexts, labels)
}

// Fingerprint is fingerprint.
func Fingerprint(c *Changelog, applied []Row, image, contexts, labels string) string {
	return fingerprint(c, rows(applied), image, contexts, labels)
}

// FindMoved is moved.
func FindMoved(c *Changelog, applied []Row) *Error { return moved(c, rows(applied)) }

// Execute has Liquibase do one command, without a look at the database.
func (m *Migrator) Execute(ctx context.Context, op Operation, in Invocation) (Result, error) {
	return m.run(ctx, op, in)
}

// Ask has Liquibase tell the state.
func (m *Migrator) Ask(ctx context.Context, c *Changelog) (State, error) {
	var s State
	err := m.ask(ctx, c, &s)
	return s, err
}

// Statements is statements.
func Statements(sql string) []string { return statements(sql) }
