package database

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	oldestVersion = 130000 // older servers get a warning: their makers no longer mend them
	roundTrips    = 5      // for the latency
	clockSkew     = 5 * time.Second
	closeTimeout  = 2 * time.Second
)

// Report is what [Sessions.Verify] learnt of a server.
type Report struct {
	Target        string        // [Target.Redacted]
	Reached       Reached       // what answered
	Version       string        // "15.18 (Debian 15.18-0+deb12u1)"
	VersionNumber int           // 150018
	TLS           string        // "TLS 1.3, TLS_AES_256_GCM_SHA384"; empty when the connection is not encrypted
	Latency       time.Duration // median of five round trips
	Encoding      string        // of the database: "UTF8"
	User          string        // current_user
	Database      string
	Schema        string // where new tables go
	Writable      bool   // a table was made, filled, read and dropped, and all of it rolled back
	ServerTime    time.Time
	TimeZone      string
	Warnings      []string // one line each
}

// Verify logs in, asks what server this is, and tries out that tables can be made there, in a transaction that
// is rolled back. Each part, the login and the questions, takes at most t.ConnectTimeout. Errors are
// *[ConnectError], unless ctx was cancelled; the report then holds what was learnt until then.
func (s *Sessions) Verify(ctx context.Context, t Target) (Report, error) {
	return s.ask(ctx, t, (*Report).facts, (*Report).collations, (*Report).latency, (*Report).schema, (*Report).write)
}

// Look asks what server this is, like [Sessions.Verify], but tries nothing out.
func (s *Sessions) Look(ctx context.Context, t Target) (Report, error) {
	return s.ask(ctx, t, (*Report).facts, (*Report).collations, (*Report).latency)
}

// ask runs checks in a session of t.
func (s *Sessions) ask(
	ctx context.Context, t Target, checks ...func(*Report, context.Context, *pgx.Conn, Target) error,
) (Report, error) {
	report := Report{Target: t.withDefaults().Redacted()}
	err := s.Use(ctx, t, func(ctx context.Context, conn *pgx.Conn) error {
		t := t.withDefaults()
		report.Reached = reached(conn)
		t.Reached = report.Reached
		limited, cancel := context.WithTimeout(ctx, t.ConnectTimeout)
		defer cancel()
		for _, check := range checks {
			err := check(&report, limited, conn, t)
			if ctx.Err() == context.Canceled {
				return fmt.Errorf("verify database %q: %w", t.Redacted(), context.Cause(ctx))
			}
			if err != nil {
				return t.explainQuery(err)
			}
		}
		report.warn(t)
		return nil
	})
	return report, err
}

// closeConn says goodbye to the server even when ctx has ended.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // nothing depends on it
}

// explainQuery explains an error after the login.
func (t Target) explainQuery(err error) error {
	if ours, ok := errors.AsType[*ConnectError](err); ok {
		return ours
	}
	return t.classify(err)
}

func (r *Report) facts(ctx context.Context, conn *pgx.Conn, _ Target) error {
	if c, ok := conn.PgConn().Conn().(*tls.Conn); ok {
		state := c.ConnectionState()
		r.TLS = tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite)
	}
	const query = `select current_setting('server_version'), current_setting('server_version_num')::int,
		current_setting('server_encoding'), current_user, current_database(), coalesce(current_schema(), ''),
		clock_timestamp(), current_setting('TimeZone')`
	return conn.QueryRow(ctx, query).Scan(&r.Version, &r.VersionNumber, &r.Encoding, &r.User, &r.Database, &r.Schema,
		&r.ServerTime, &r.TimeZone)
}

// collations warns of text that was sorted in another way. A server without PostgreSQL's own catalogue has no such
// versions, and is no less usable.
func (r *Report) collations(ctx context.Context, conn *pgx.Conn, _ Target) error {
	found, err := Collations(ctx, conn)
	if err != nil && ctx.Err() == nil {
		found = []string{fmt.Sprintf("ask for collation versions: %v", err)}
	}
	r.Warnings = append(r.Warnings, found...)
	return ctx.Err()
}

func (r *Report) latency(ctx context.Context, conn *pgx.Conn, _ Target) error {
	times := make([]time.Duration, roundTrips)
	for i := range times {
		start := time.Now()
		if err := conn.Ping(ctx); err != nil {
			return err
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	r.Latency = times[roundTrips/2]
	return nil
}

// schema names a schema that does not exist, or that the user may not look into.
func (r *Report) schema(ctx context.Context, conn *pgx.Conn, t Target) error {
	if r.Schema != "" {
		return nil
	}
	var exists bool
	err := conn.QueryRow(ctx, `select exists (select from pg_namespace where nspname = $1)`, t.Schema).Scan(&exists)
	if err != nil {
		return err
	}
	if exists {
		return t.failure(Permission, fmt.Sprintf("user %q may not use schema %q", r.User, t.Schema),
			fmt.Sprintf("grant usage and create on schema %s to the user, or log in as its owner", t.Schema), nil)
	}
	return t.noSchema(nil)
}

// write makes, fills, reads and drops a table and rolls all of it back.
func (r *Report) write(ctx context.Context, conn *pgx.Conn, _ Target) (err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if rollback := tx.Rollback(ctx); err == nil && rollback != nil {
			err = rollback
		}
	}()
	table := pgx.Identifier{fmt.Sprintf("poststack_verify_%d", conn.PgConn().PID())}.Sanitize()
	if _, err := tx.Exec(ctx, "create table "+table+" (v text)"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "insert into "+table+" values ('written')"); err != nil {
		return err
	}
	var v string
	if err := tx.QueryRow(ctx, "select v from "+table).Scan(&v); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "drop table "+table); err != nil {
		return err
	}
	r.Writable = v == "written"
	return nil
}

func (r *Report) warn(t Target) {
	add := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }
	if r.VersionNumber < oldestVersion {
		add("PostgreSQL %s is no longer maintained: use 13 or newer", r.Version)
	}
	if r.Encoding != "UTF8" {
		add("the database's encoding is %s: make one with encoding 'UTF8'", r.Encoding)
	}
	if r.TLS == "" && !t.Loopback() {
		add("the connection is not encrypted: switch TLS on in the server and write sslmode=verify-full")
	}
	if skew := time.Since(r.ServerTime).Abs(); skew > clockSkew+r.Latency {
		add("the server's clock and this machine's are %s apart", skew.Round(time.Second))
	}
}
