package schema

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// hint is what to do about a changeset that failed. outside tells whether it runs outside the transaction.
func (p *run) hint(e Event, outside bool) string {
	switch {
	case p.ended:
		return "Leave COMMIT and ROLLBACK out: Poststack commits. What must commit on the way needs runInTransaction:false."
	case e.SQLState == "42501" && p.m.Own:
		return "The stack's user owns its database and may make roles, and is no superuser. What needs one, such as an " +
			"extension that is not trusted, a superuser makes once: mage shell postgres, and there psql -U superuser -d " +
			p.m.Target.Database + "; see docs/database.md."
	case e.SQLState == "25001":
		return misplaced(e.SQL, outside)
	case outside || p.m.Each:
		return written(e)
	}
	return cmp.Or(together(e), written(e))
}

// misplaced is what to do about a statement that PostgreSQL does not take at this place of a transaction (25001). Its
// text tells which one it is in every language of the server.
func misplaced(sql string, outside bool) string {
	first, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	switch {
	case strings.EqualFold(first, "set"):
		return "A changeset runs in a transaction that has begun before it: leave SET TRANSACTION out."
	case outside:
		return "Statements that are sent together are one transaction: leave splitStatements:false out, or give this one a " +
			"changeset of its own."
	}
	return "This statement runs only outside a transaction: give its changeset runInTransaction:false."
}

// together is what to do about a failure that comes of all changesets running in one transaction; "" if it does not.
func together(e Event) string {
	const each = "set schema.transaction (POSTSTACK_TRANSACTION) to changeset, which commits after each changeset as " +
		"Liquibase does"
	switch {
	case e.SQLState == "55P04":
		return "All changesets of an update run in one transaction, and a new enum value can be used only after the " +
			"commit: give the changeset that adds it runInTransaction:false, or " + each + "."
	case e.SQLState == "53200" && strings.Contains(e.Cause, "shared memory"):
		return "All changesets of an update run in one transaction, which holds a lock for each table: raise " +
			"max_locks_per_transaction, or " + each + "."
	case e.SQLState == "55006":
		return "All changesets of an update run in one transaction: if this statement works on its own, " + each + "."
	}
	return ""
}

// written is what to do about SQL that was written for psql, or that waits longer than it may; "" if it is neither.
func written(e Event) string {
	switch {
	case e.SQLState == "42601" && strings.Contains(e.Cause, `"$1"`):
		return `The database driver takes "?" for a parameter. Write "??", or a function such as jsonb_exists instead of ` +
			`the operator.`
	case e.SQLState == "42601" && strings.Contains(e.Cause, `"\"`):
		return `A line that begins with "\" is for psql, which Liquibase is not: leave it out. Data goes into INSERT ` +
			`(pg_dump --inserts) or loadData, and what \i reads into a file that the changelog includes.`
	case strings.Contains(e.Cause, "CopyManager"): // the driver's own words
		return "Liquibase sends no lines of data behind COPY: write INSERT (pg_dump --inserts), or loadData with a CSV file."
	case e.SQLState == "57014":
		return "If statement_timeout of the role or database is too short for it, begin its changeset with: set local " +
			"statement_timeout = 0."
	case e.SQLState == "55P03":
		return "Another session uses what it changes: try again when that has ended. With a longer lock_timeout it waits " +
			"for it."
	}
	return ""
}

// makesRole matches a statement that makes a role.
var makesRole = regexp.MustCompile(`(?i)^\s*create\s+(role|user|group)\s`)

// alreadyThere are PostgreSQL's codes for an object that exists: a table, another object, a schema, a function, a
// column, a type or role. Source: PostgreSQL manual, appendix A, class 42.
func alreadyThere(state string) bool {
	return slices.Contains([]string{"42P07", "42710", "42P06", "42723", "42701"}, state)
}

// explain adds to an error what only the database's own records tell.
func (p *run) explain(failed *Error, before recorded) {
	partly := before.state().Partly
	switch {
	case failed.Kind != FailedChangeset || !alreadyThere(failed.SQLState):
	case partly != nil && partly.ID == failed.Changeset && partly.Author == failed.Author:
		failed.Hint = partly.String() +
			". Undo that by hand, or make its statements repeatable (if not exists), and run the update again."
	case p.failed != nil && makesRole.MatchString(p.failed.SQL):
		failed.Hint = "Roles belong to the whole server, and another of its databases may use this one: make it in a do " +
			"block, if not exists (select from pg_roles where rolname = 'NAME')."
	case before.bare:
		failed.Hint = "The database held nothing before: an earlier statement of this update has made it."
	case len(before.rows) == 0:
		failed.Kind = Standing
		failed.Hint = "This database has objects that no changelog is recorded for. If they are what the changelog makes, " +
			"record it without running it: changelog-sync, see docs/schema.md. Else give the schema a place of its own: " +
			"create schema NAME, and add ?options=-c%20search_path%3DNAME to DATABASE_URL."
	}
}
