package database

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// ExplainState explains what the server has said to another program, such as Liquibase.
func (t Target) ExplainState(state, message string) *ConnectError {
	return t.explainSQL(&pgconn.PgError{Code: state, Message: message})
}

// explainSQL explains what the server itself said, by its SQLSTATE (PostgreSQL manual, appendix A).
func (t Target) explainSQL(pg *pgconn.PgError) *ConnectError {
	say := func(kind Kind, reason, remedy string) *ConnectError {
		return t.failure(kind, fmt.Sprintf("%s (SQLSTATE %s)", reason, pg.Code), remedy, pg)
	}
	switch pg.Code {
	case "28P01":
		if t.Password == "" {
			return say(Authentication, fmt.Sprintf("the server wants a password for user %q, and the URL has none", t.User),
				"write it into the URL")
		}
		return say(Authentication, fmt.Sprintf("the server rejects the password of user %q", t.User),
			"correct user and password in the URL")
	case "28000":
		return say(Authentication, fmt.Sprintf("the server does not let user %q in: %s", t.User, pg.Message),
			"check that the role exists and may log in, and that pg_hba.conf allows it from here with this sslmode")
	case "3D000":
		return say(NoDatabase, fmt.Sprintf("the server has no database %q", t.Database),
			"create it, or correct its name in the URL")
	case "3F000":
		return t.noSchema(pg)
	case "42501":
		return say(Permission, pg.Message, fmt.Sprintf("grant it to user %q, or log in as the owner", t.User))
	case "53300":
		return say(TooMany, "no more connections are let in: "+pg.Message, // all of the server's, or of a role or database
			"close some, or raise max_connections, or the limit of the role or database")
	case "57P01", "57P02", "57P03":
		return say(StartingUp, "the server is starting up or shutting down", "wait, and try again")
	case "55000":
		return say(Permission, pg.Message, fmt.Sprintf("let database %q accept connections", t.Database))
	case "42P05", "26000":
		return say(Settings, ErrPooled.Error(),
			"point the URL at the server itself, or at a pool in session mode (PgBouncer: pool_mode=session)")
	case "25006":
		return say(ReadOnly, "the server takes no changes", "use the primary server, or end its read-only mode")
	}
	if t.Options != "" && (pg.Code == "42601" || pg.Code == "42704" || pg.Code == "22023") { // seen at the login only
		return say(Settings, pg.Message, "correct the parameter options in the URL, or leave it out")
	}
	return say(Other, pg.Message, "see the server's log")
}

// noSchema names the schema that is missing. cause may be nil.
func (t Target) noSchema(cause error) *ConnectError {
	if t.Schema == "" {
		return t.failure(NoSchema, fmt.Sprintf("no schema that the search_path of user %q names exists", t.User),
			"create one, or name one with currentSchema=NAME", cause)
	}
	return t.failure(NoSchema, fmt.Sprintf("database %q has no schema %q", t.Database, t.Schema),
		fmt.Sprintf("create it with: create schema %s authorization current_user", t.Schema), cause)
}
