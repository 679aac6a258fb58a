package schema

import (
	"fmt"
	"strings"
)

// Operation is what was asked for.
type Operation string

// The operations.
const (
	OpInit     Operation = "init"
	OpUpdate   Operation = "update"
	OpStatus   Operation = "status"
	OpRollback Operation = "rollback"
	opRead     Operation = "read"
)

// Kind is what kept an operation from succeeding.
type Kind string

// The kinds of failures.
const (
	MissingFile     Kind = "missing-file"    // the changelog or a file it names
	Refused         Kind = "refused"         // found before anything ran
	BadChangelog    Kind = "changelog"       // Liquibase cannot read it
	FailedChangeset Kind = "changeset"       // its SQL failed
	Edited          Kind = "checksum"        // it was changed after it had been applied
	Invalid         Kind = "validation"      // Liquibase refuses the changelog for another reason
	Busy            Kind = "lock"            // someone else migrates this database
	Standing        Kind = "standing-tables" // tables are there that no changelog made
	Moved           Kind = "moved"           // the same changesets were applied under other paths
	Connection      Kind = "database"        // the database refused Liquibase
	Crashed         Kind = "crashed"         // Liquibase ended without saying why
)

// Error is a schema operation that failed. Unless Applied is not empty, the database is as it was.
type Error struct {
	Op        Operation
	Kind      Kind
	File      string // of the changelog, as it is found from the checkout; "" if none is to blame
	Line      int    // 0 if unknown
	Changeset string // its id; "" if none is to blame
	Author    string
	Cause     string // one line: Liquibase's or PostgreSQL's own reason
	Hint      string // one line: what to do; may be ""
	Log       string // path of Liquibase's log, relative to the checkout; "" if Liquibase did not run
	Applied   []Applied
	Err       error // what is underneath, if there is something
}

// Unwrap returns what is underneath.
func (e *Error) Unwrap() error { return e.Err }

// LogPath is the path of Liquibase's log.
func (e *Error) LogPath() string { return e.Log }

// Where is the changelog's file and line that is to blame.
func (e *Error) Where() (file string, line int) { return e.File, e.Line }

// Error is one line: where, which changeset, why.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Changeset != "" {
		fmt.Fprintf(&b, "changeset %q of %s: ", e.Changeset, e.Author)
	}
	b.WriteString(e.Cause)
	return b.String()
}

// Details are what to do, and what became of the database, one line each.
func (e *Error) Details() []string {
	var lines []string
	if e.Hint != "" {
		lines = append(lines, e.Hint)
	}
	if e.Op == OpStatus || e.Op == opRead {
		return lines
	}
	if len(e.Applied) == 0 {
		return append(lines, "Nothing was changed: the database is as it was.")
	}
	lines = append(lines, "These changesets stay applied, since one of them runs outside the transaction:")
	for _, a := range e.Applied {
		lines = append(lines, fmt.Sprintf("  %s %s", a.File, a.Changeset))
	}
	return lines
}
