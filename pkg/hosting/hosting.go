// Package hosting fills the tables that the services read: domains, accounts, aliases, zones and records. It looks at
// what it is given before it changes anything, and says in plain words why it refuses. It prints nothing.
package hosting

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Conn is a session with the database, or a transaction of one.
type Conn interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// RefusedError is a request that is not met as it was put. Its text says why, and what to do. Nothing was changed.
type RefusedError struct{ Reason string }

func (r *RefusedError) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// SchemaError is a database without the tables that are needed.
type SchemaError struct {
	Missing []string // names of tables; empty if only the server's own words are known
	Err     error    // the server's; nil if the tables were looked for
}

func (e *SchemaError) Error() string {
	const remedy = "bring its schema up to date with: mage setup"
	if len(e.Missing) > 0 {
		return fmt.Sprintf("the database has no table %s; %s", strings.Join(e.Missing, ", "), remedy)
	}
	return fmt.Sprintf("the tables are not those of this version: %v; %s", e.Err, remedy)
}

// Unwrap gives the server's error.
func (e *SchemaError) Unwrap() error { return e.Err }

// Ready looks whether the tables are there. Errors are *[SchemaError], or those of the connection.
func Ready(ctx context.Context, conn Conn) error {
	missing, err := column(ctx, conn, `select name from unnest($1::text[]) with ordinality as t (name, n)
		where to_regclass(name) is null order by n`,
		[]string{"domains", "accounts", "aliases", "dns_zones", "dns_records", "certificates"})
	if err != nil {
		return fmt.Errorf("look for the tables: %w", err)
	}
	if len(missing) > 0 {
		return &SchemaError{Missing: missing}
	}
	return nil
}

// Lines is a text of several lines, the first of which ends in a colon.
func Lines(first string, lines []string) string {
	return first + ":\n  " + strings.Join(lines, "\n  ")
}

// wrapped says what was done when err came, in plain words where it is known.
func wrapped(err error, format string, args ...any) error {
	err = explain(err)
	var refusal *RefusedError
	var schema *SchemaError
	if err == nil || errors.As(err, &refusal) || errors.As(err, &schema) {
		return err
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}
