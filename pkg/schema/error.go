package schema

import (
	"cmp"
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

// Error is a schema operation that failed.
type Error struct {
	Kind      Kind
	File      string // of the changelog, as it is found from the checkout; "" if none is to blame
	Line      int    // 0 if unknown
	Changeset string // its id; "" if none is to blame
	Author    string
	Cause     string   // one line: Liquibase's or PostgreSQL's own reason
	Hint      string   // one line: what to do; may be ""
	SQLState  string   // PostgreSQL's code; "" if it has not refused anything
	Log       string   // path of Liquibase's log, relative to the checkout; "" if Liquibase did not run
	Outcome   *Outcome // what became of the database; nil of what only reads
	Err       error    // what is underneath, if there is something
}

// Outcome is what became of the database in an operation that failed.
type Outcome struct {
	Asked   bool      // the database was asked afterwards
	Applied []Applied // what it has recorded since then, and so stays
	Partly  *Partly   // a changeset of which parts stay, or may
	Ended   bool      // a changeset has ended the transaction itself: what ran before that stays
	Undone  bool      // it is known that the transaction was rolled back, and not only that nothing is recorded
	// a changeset that ran when Liquibase ended without a word: whether it has left something is not known
	Unsure string
	Reason string // why the database could not be asked; "" if it was, or if Liquibase was not told to go
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
	if e.Outcome != nil {
		lines = append(lines, e.Outcome.lines(e.Changeset)...)
	}
	return lines
}

// lines are what became of the database. Nothing is claimed that was not asked.
func (o Outcome) lines(changeset string) []string {
	var lines []string
	switch {
	case o.Reason != "":
		return []string{"What became of the database is not known: " + o.Reason + ". Ask with: mage schema:status"}
	case !o.Asked:
		return []string{"Nothing was run."}
	case o.Ended:
		lines = append(lines, fmt.Sprintf(
			"Changeset %s is partly applied: what it did before it ended the transaction stays, and is not recorded.",
			cmp.Or(changeset, o.Unsure),
		))
	case o.Partly != nil:
		lines = append(lines, strings.ToUpper(o.Partly.String()[:1])+o.Partly.String()[1:]+".")
	case len(o.Applied) > 0:
	case o.Undone:
		return []string{"Nothing was changed: the database is as it was."}
	default:
		lines = append(lines, "No changeset of this run is recorded in the database.")
	}
	if o.Unsure != "" && !o.Ended {
		lines = append(lines,
			fmt.Sprintf("Changeset %s ran when Liquibase ended: whether it has committed anything by itself is not known.",
				o.Unsure))
	}
	if len(o.Applied) == 0 {
		return lines
	}
	lines = append(lines, "These changesets stay applied:")
	for _, a := range o.Applied {
		lines = append(lines, fmt.Sprintf("  %s %s", a.File, a.Changeset))
	}
	return lines
}
