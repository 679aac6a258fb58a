package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Session is another client's connection to the same database.
type Session struct {
	PID         int
	Application string // as the client calls itself
	User        string
	Client      string    // IP address; empty for a Unix socket, and where the role may not see it
	Since       time.Time // when it connected
}

// String is one line: "pid 4711 (poststack) of user app from 192.0.2.9, since 2026-01-02 15:04:05 UTC".
func (s Session) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pid %d", s.PID)
	if s.Application != "" {
		fmt.Fprintf(&b, " (%s)", s.Application)
	}
	if s.User != "" {
		fmt.Fprintf(&b, " of user %s", s.User)
	}
	if s.Client != "" {
		fmt.Fprintf(&b, " from %s", s.Client)
	}
	if !s.Since.IsZero() {
		fmt.Fprintf(&b, ", since %s", s.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return b.String()
}

// Lock takes the session-level advisory lock key of conn's database, without waiting: when another session has
// it, release is nil, see [LockHolders]. The lock ends with conn, so that a holder that died leaves none. release
// gives it back; it works after ctx has ended, too. Do not use conn from elsewhere meanwhile.
func Lock(ctx context.Context, conn *pgx.Conn, key int64) (release func() error, err error) {
	var got bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, key).Scan(&got); err != nil {
		return nil, fmt.Errorf("take the database's lock: %w", err)
	}
	if !got {
		return nil, nil //nolint:nilnil // that somebody else has it is an answer
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		var held bool
		if err := conn.QueryRow(ctx, `select pg_advisory_unlock($1)`, key).Scan(&held); err != nil {
			return fmt.Errorf("give the database's lock back: %w", err)
		}
		if !held {
			return errors.New("give the database's lock back: this session does not hold it any more; " +
				"does a connection pooler in transaction mode stand between?")
		}
		return nil
	}, nil
}

const sessionColumns = `a.pid, coalesce(a.application_name, ''), coalesce(a.usename::text, ''),
	coalesce(host(a.client_addr), ''), coalesce(a.backend_start, 'epoch')`

// LockHolders returns the sessions that hold the advisory lock key of conn's database.
func LockHolders(ctx context.Context, conn *pgx.Conn, key int64) ([]Session, error) {
	const query = `select ` + sessionColumns + ` from pg_locks l join pg_stat_activity a using (pid)
		where l.locktype = 'advisory' and l.granted and l.objsubid = 1
		and l.database = (select oid from pg_database where datname = current_database())
		and (l.classid::bigint << 32 | l.objid::bigint) = $1 order by a.pid`
	return sessions(ctx, conn, query, key)
}

// Blockers returns the sessions that have a lock, or wait for one, which the session pid waits for.
func Blockers(ctx context.Context, conn *pgx.Conn, pid int) ([]Session, error) {
	const query = `select ` + sessionColumns + ` from pg_stat_activity a
		where a.pid = any(pg_blocking_pids($1)) order by a.pid`
	return sessions(ctx, conn, query, pid)
}

// OtherWriters returns every other client of conn's database that may update the table and was connected at the time
// latest; a zero latest leaves no one out. A role without pg_monitor does not see what kind of session another role's
// is, nor since when: it counts, too. Autovacuum and the like never do.
func OtherWriters(ctx context.Context, conn *pgx.Conn, table string, latest time.Time) ([]Session, error) {
	const query = `select ` + sessionColumns + ` from pg_stat_activity a
		where a.datname = current_database() and a.pid <> pg_backend_pid() and a.usesysid is not null
		and coalesce(a.backend_type, 'client backend') = 'client backend'
		and has_table_privilege(a.usesysid, $1, 'update') and not coalesce(a.backend_start > $2, false) order by a.pid`
	if latest.IsZero() {
		return sessions(ctx, conn, query, table, pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true})
	}
	return sessions(ctx, conn, query, table, latest)
}

// NeverIdle switches off, for conn's session, the limits on how long it may be idle: a role or a database may have
// them, and the session holds a lock while others work.
func NeverIdle(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `select set_config(name, '0', false)
		from unnest(array['idle_session_timeout', 'idle_in_transaction_session_timeout']) name
		where current_setting(name, true) is not null`)
	if err != nil {
		return fmt.Errorf("switch off idle limits: %w", err)
	}
	return nil
}

func sessions(ctx context.Context, conn *pgx.Conn, query string, args ...any) ([]Session, error) {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list database sessions: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Session, err error) {
		err = row.Scan(&s.PID, &s.Application, &s.User, &s.Client, &s.Since)
		if s.Since.Unix() == 0 {
			s.Since = time.Time{}
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("list database sessions: %w", err)
	}
	return found, nil
}
