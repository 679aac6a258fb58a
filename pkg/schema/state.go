package schema

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// StateKind is the state of a database's schema.
type StateKind string

// The states.
const (
	None     StateKind = "none"     // no changeset is recorded
	Outdated StateKind = "outdated" // changesets are pending
	Current  StateKind = "current"  // an update would change nothing, but for what runs on every update
	Locked   StateKind = "locked"   // changesets are pending, and Liquibase's lock is set
	Diverged StateKind = "diverged" // an update would be refused, see State.Problem
	Unread   StateKind = "unread"   // changesets are recorded, and what the changelog holds is not known
)

// State is what is known of a database's schema.
type State struct {
	Kind       StateKind
	Recorded   int      // rows in Liquibase's table
	Changesets []Status // of the changelog, in the order in which they run; empty if it was not read
	Unknown    []Status // recorded, but in none of the changelog's files; all that is recorded if it was not read
	Lock       *Lock    // Liquibase's lock, if it is set
	Partly     *Partly  // a changeset of which parts are in the database
	Estimated  bool     // the changelog was not read: Problem says why, or there is no Liquibase, and none read it before
	Standing   []string // tables that are there although nothing is recorded
	Problem    error    // why an update would fail; *Error
	Warnings   []string // what was found in the changelog, and what an update would do that people may not expect
}

// Status is one changeset and what an update would do with it.
type Status struct {
	Changeset
	Will Will
}

// Will is what an update would do with a changeset, or what has become of it.
type Will string

// What it would do. There is one word for each state.
const (
	WillRun       Will = "pending"
	WillRunAgain  Will = "changed, runs again" // runOnChange
	RunsAlways    Will = "runs on every update"
	Ran           Will = "applied"
	Marked        Will = "marked as run" // by its precondition or changelog-sync; its SQL did not run
	NotSelected   Will = "not selected"  // by its context or its labels
	OtherDatabase Will = "other database"
	Ignored       Will = "ignored"
)

// Pending are the changesets that an update would run, without those that run on every one.
func (s State) Pending() []Changeset { return s.only(WillRun, WillRunAgain) }

// Skipped are the changesets that neither ran nor would: nobody has selected their context or label.
func (s State) Skipped() []Changeset { return s.only(NotSelected) }

func (s State) only(wills ...Will) []Changeset {
	var list []Changeset
	for _, c := range s.Changesets {
		if slices.Contains(wills, c.Will) {
			list = append(list, c.Changeset)
		}
	}
	return list
}

// String is one line, such as "outdated (2 pending)".
func (s State) String() string {
	var notes []string
	add := func(n int, what string) {
		if n > 0 {
			notes = append(notes, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(len(s.Pending()), "pending")
	add(len(s.only(RunsAlways)), string(RunsAlways))
	add(len(s.only(Marked)), string(Marked))
	add(len(s.only(NotSelected)), string(NotSelected))
	add(len(s.only(OtherDatabase)), "for other databases")
	add(len(s.only(Ignored)), string(Ignored))
	if s.Estimated {
		add(s.Recorded, "recorded")
		tried := "has not"
		if s.Problem != nil {
			tried = "could not"
		}
		notes = append(notes, "what is pending is not known: Liquibase "+tried+" read the changelog")
	} else {
		add(len(s.Unknown), "recorded that the changelog does not hold")
	}
	if s.Partly != nil {
		notes = append(notes, "1 partly applied")
	}
	if s.Lock != nil {
		notes = append(notes, "locked by "+s.Lock.String())
	}
	if len(notes) == 0 {
		return string(s.Kind)
	}
	return string(s.Kind) + " (" + strings.Join(notes, "; ") + ")"
}

// Remarks are what someone should know of the state beside its one line.
func (s State) Remarks() []string {
	var lines []string
	if s.Partly != nil {
		lines = append(lines, s.Partly.String())
	}
	for _, u := range s.Unknown {
		if !s.Estimated {
			lines = append(lines,
				fmt.Sprintf("changeset %s of %s is recorded in the database, and is in none of the changelog's files", u, u.File))
		}
	}
	if len(s.Standing) > 0 {
		lines = append(lines, "no changeset is recorded, but the schema holds already: "+strings.Join(s.Standing, ", "))
	}
	return append(lines, early(s.Changesets)...)
}

// early names what is new and stands before a changeset that has run already.
func early(sets []Status) []string {
	var lines []string
	behind := ""
	for _, set := range slices.Backward(sets) {
		if set.Will == Ran || set.Will == Marked {
			behind = fmt.Sprintf("%s of %s", set, set.File)
		}
		if set.Will == WillRun && behind != "" {
			lines = append(lines,
				fmt.Sprintf("changeset %s of %s is new and stands before %s, which has run already", set, set.File, behind))
		}
	}
	slices.Reverse(lines)
	return lines
}

// compare gives the state of a changelog that was read, from what is recorded. sure is false where only Liquibase
// can tell: the changelog as a whole has preconditions, or the checksum of an applied changeset is another, which
// may be an edit, a checksum of an older version, or one that validCheckSum allows.
func compare(c *Reading, r recorded) (s State, sure bool) {
	s = r.state()
	s.Unknown, s.Estimated = nil, false
	sure = !c.Conditional
	rows := map[key]row{}
	for _, w := range r.rows {
		rows[w.key] = w
		if _, known := c.find(w.key); !known {
			s.Unknown = append(s.Unknown, w.status())
		}
	}
	for _, set := range c.Changesets {
		w, applied := rows[set.key()]
		s.Changesets = append(s.Changesets, Status{set, will(set, w, applied)})
		sure = sure && (!applied || w.md5 == "" || w.md5 == set.Checksum)
	}
	s.Kind = s.kind()
	return s, sure
}

// will is what an update would do with a changeset, as far as its name tells.
func will(set Changeset, w row, applied bool) Will {
	skip := map[string]Will{
		"context": NotSelected, "labels": NotSelected, "dbms": OtherDatabase, "ignore": Ignored,
	}[set.Skip]
	switch {
	case set.RunAlways && skip == "":
		return RunsAlways
	case applied && set.RunOnChange && skip == "" && w.md5 != "" && w.md5 != set.Checksum:
		return WillRunAgain
	case applied:
		return w.status().Will
	case skip != "":
		return skip
	}
	return WillRun
}

// correct takes in what Liquibase has said it would do with a changeset.
func (s *State) correct(k key, says string) {
	for i, c := range s.Changesets {
		switch {
		case c.key() != k:
		case says == "run" && c.Will == Ran:
			s.Changesets[i].Will = WillRunAgain
		case says == "ran" && c.Will == WillRunAgain:
			s.Changesets[i].Will = Ran
		}
	}
	s.Kind = s.kind()
}

// kind sums the changesets up.
func (s State) kind() StateKind {
	switch {
	case s.Problem != nil && !s.Estimated:
		return Diverged
	case s.Recorded == 0:
		return None
	case s.Estimated:
		return Unread
	case len(s.Pending()) == 0:
		return Current
	case s.Lock != nil:
		return Locked
	}
	return Outdated
}

// moved finds a changeset that was applied under another path: with this changelog it would run again.
func moved(c *Changelog, reading *Reading, r recorded) *Error {
	for _, set := range reading.Changesets {
		if set.Skip != "" || r.has(set.key()) {
			continue
		}
		for _, w := range r.rows {
			if _, known := reading.find(w.key); known || !same(set, w) {
				continue
			}
			return &Error{
				Kind: Moved, File: c.Display(set.Source), Line: set.Line, Changeset: set.ID, Author: set.Author,
				Cause: fmt.Sprintf("it was applied as %q and would run again as %q", w.file, set.File),
				Hint: "Give the file its old name and place back (paths count from the directory of the root changelog), or add " +
					"logicalFilePath:" + w.file + " to the changeset.",
			}
		}
	}
	return nil
}

// same tells whether a row of another path is that of the changeset. Its id alone does not: many files begin with 1.
func same(set Changeset, w row) bool {
	return w.id == set.ID && w.author == set.Author &&
		(path.Base(w.file) == path.Base(set.File) || w.md5 != "" && w.md5 == set.Checksum)
}
