package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrPooled is a connection pooler that gives the server's sessions to its clients for one transaction each, such as
// PgBouncer with pool_mode=transaction: what belongs to a session, advisory locks above all, is not to be had through
// it.
var ErrPooled = errors.New("a connection pooler in transaction mode stands before the server: locks of a session do " +
	"not hold through it")

// Pooled tells whether err comes of such a pooler: it is [ErrPooled], or the server knows a prepared statement already
// that this session has not made, or does not know one that it has (SQLSTATE 42P05, 26000).
func Pooled(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, ErrPooled) || errors.As(err, &pg) && (pg.Code == "42P05" || pg.Code == "26000")
}

// RequireSessions tells whether a connection of t is a session of the server's own: [ErrPooled] if two that are open
// at the same time have one backend, or if the backend of one changes while the other is in a transaction. It sends
// nothing but simple queries, which every pooler passes on.
func (t Target) RequireSessions(ctx context.Context) error {
	one, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer one.Close(context.WithoutCancel(ctx))
	other, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer other.Close(context.WithoutCancel(ctx))
	before, err := backend(ctx, one, "select pg_backend_pid()")
	if err != nil {
		return err
	}
	beside, err := backend(ctx, other, "begin; select pg_backend_pid()")
	if err != nil {
		return err
	}
	if before == beside { // with a single session behind the pooler, one would wait for the other from here on
		return ErrPooled
	}
	after, err := backend(ctx, one, "select pg_backend_pid()")
	if err == nil && before != after {
		return ErrPooled
	}
	return err
}

// backend is the last value that the statements give: the process ID of the server's session.
func backend(ctx context.Context, conn *pgx.Conn, sql string) (string, error) {
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", fmt.Errorf("ask which session this is: %w", err)
	}
	rows := results[len(results)-1].Rows
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", errors.New("ask which session this is: the server gave no answer")
	}
	return string(rows[0][0]), nil
}
