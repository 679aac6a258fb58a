package schema

import (
	"fmt"
	"slices"
	"strings"
)

// StateKind is the state of a database's schema.
type StateKind string

// The states.
const (
	None     StateKind = "none"     // no changeset was ever applied
	Outdated StateKind = "outdated" // changesets are pending
	Current  StateKind = "current"  // an update would do nothing
	Locked   StateKind = "locked"   // Liquibase's lock is set, and it is not known that nothing is pending
	Diverged StateKind = "diverged" // an update would be refused, see State.Problem
)

// State is what is known of a database's schema.
type State struct {
	Kind       StateKind
	Changesets []Status    // of the changelog, in the order in which they run
	Unknown    []Changeset // applied, but in none of the changelog's files
	Lock       *Lock       // Liquibase's lock, if it is set
	Estimated  bool        // Liquibase was not asked: whether applied changesets were edited is not known
	Problem    error       // why an update would fail; *Error
	Warnings   []string    // what was found in the changelog
}

// Status is one changeset of the changelog and what an update would do with it.
type Status struct {
	Changeset
	Will Will
}

// Will is what an update would do with a changeset.
type Will string

// What it would do.
const (
	WillRun  Will = "pending"
	Ran      Will = "applied"
	WillSkip Will = "not selected" // by its context, its labels or its kind of database
)

// Pending are the changesets that an update would run.
func (s State) Pending() []Changeset { return s.only(WillRun) }

// Skipped are the changesets that neither ran nor would: nobody has selected their context or label.
func (s State) Skipped() []Changeset { return s.only(WillSkip) }

func (s State) only(will Will) []Changeset {
	var list []Changeset
	for _, c := range s.Changesets {
		if c.Will == will {
			list = append(list, c.Changeset)
		}
	}
	return list
}

// String is one line, such as "outdated (2 pending)".
func (s State) String() string {
	text := string(s.Kind)
	var notes []string
	if n := len(s.Pending()); n > 0 {
		notes = append(notes, fmt.Sprintf("%d pending", n))
	}
	if n := len(s.Skipped()); n > 0 {
		notes = append(notes, fmt.Sprintf("%d not selected", n))
	}
	if s.Lock != nil {
		notes = append(notes, "locked by "+s.Lock.String())
	}
	if s.Estimated {
		notes = append(notes, "estimated: Liquibase was not asked")
	}
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, "; ") + ")"
	}
	return text
}

// compareRows gives the state as the names of the changesets tell it, without Liquibase: what was applied, not
// whether it was edited since.
func compareRows(c *Changelog, r recorded, contexts, labels string) State {
	s := State{Lock: r.lock, Estimated: true, Warnings: c.Warnings()}
	applied := map[key]bool{}
	for _, row := range r.rows {
		applied[row.key] = true
		if _, known := c.find(row.key); !known {
			s.Unknown = append(s.Unknown, Changeset{File: row.file, ID: row.id, Author: row.author})
		}
	}
	for _, set := range c.Changesets {
		will := WillRun
		switch {
		case applied[set.key()] && !set.RunAlways:
			will = Ran
		case !selects(set.Context, contexts) || !selects(set.Labels, labels):
			will = WillSkip
		}
		s.Changesets = append(s.Changesets, Status{set, will})
	}
	s.Kind = s.kind(r)
	return s
}

// kind sums the changesets up.
func (s State) kind(r recorded) StateKind {
	switch {
	case s.Problem != nil:
		return Diverged
	case len(r.rows) == 0:
		return None
	case len(s.Pending()) == 0:
		return Current
	case r.lock != nil:
		return Locked
	}
	return Outdated
}

// selects tells whether a changeset with that context (or label) is selected by a list of names. Expressions
// with and, or, parentheses are Liquibase's business: they count as selected once one of their words is.
func selects(of, names string) bool {
	of = strings.TrimSpace(of)
	if of == "" {
		return true
	}
	if strings.HasPrefix(of, "!") || strings.HasPrefix(strings.ToLower(of), "not ") {
		return !mentions(of, names)
	}
	return mentions(of, names)
}

func mentions(expression, names string) bool {
	words := strings.FieldsFunc(strings.ToLower(expression), func(r rune) bool { return strings.ContainsRune(" ,()!", r) })
	for name := range strings.FieldsFuncSeq(strings.ToLower(names), func(r rune) bool { return strings.ContainsRune(" ,()!", r) }) {
		if slices.Contains(words, name) {
			return true
		}
	}
	return false
}

// moved finds a changeset that was applied under another path: with this changelog it would run again.
func moved(c *Changelog, rows []row) *Error {
	applied := map[key]bool{}
	for _, r := range rows {
		applied[r.key] = true
	}
	for _, r := range rows {
		if _, known := c.find(r.key); known {
			continue
		}
		for _, set := range c.Changesets {
			if set.ID != r.id || set.Author != r.author || applied[set.key()] || base(set.File) != base(r.file) {
				continue
			}
			return &Error{
				Kind: Moved, File: c.Display(set.path), Line: set.Line, Changeset: set.ID, Author: set.Author,
				Cause: fmt.Sprintf("it was applied as %q and would run again as %q", r.file, set.File),
				Hint: "Paths count from the directory of the root changelog: point the changelog setting at the root that was used, " +
					"or add logicalFilePath:" + r.file + " to the changeset.",
			}
		}
	}
	return nil
}

func base(file string) string { return file[strings.LastIndexByte(file, '/')+1:] }
