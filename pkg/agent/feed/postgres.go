package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
)

// Channel is where the database tells what has changed, see changelogs/schema/001_functions.sql.
const Channel = "poststack"

// Query is one query, a single SELECT.
type Query struct {
	Name string
	SQL  string
	Key  string // the column that tells its rows apart; "" if nothing has to
}

// Postgres opens sessions with a PostgreSQL server. Where it is, and as whom to sign in, is said by the variables that
// libpq knows (PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSFILE, PGSSLMODE …). All are read again at each attempt.
type Postgres struct {
	Service string // shown in pg_stat_activity
	Queries []Query
	Timeout time.Duration // of a statement
}

// Open connects, and listens from then on.
func (p *Postgres) Open(ctx context.Context) (Session, error) {
	config, err := p.config()
	if err != nil {
		return nil, err
	}
	s := &postgresSession{queries: p.Queries, statement: p.statement()}
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { s.told = append(s.told, n.Payload) }
	if s.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := s.exec(ctx, "listen "+Channel); err != nil {
		s.Close() //nolint:contextcheck // it has a time of its own
		return nil, fmt.Errorf("listen for changes: %w", err)
	}
	return s, nil
}

// config reads the environment.
func (p *Postgres) config() (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig("")
	if err != nil {
		return nil, err
	}
	milliseconds := strconv.FormatInt(p.Timeout.Milliseconds(), 10)
	for name, value := range map[string]string{
		"application_name":                    "agent of " + p.Service,
		"default_transaction_read_only":       "on",
		"statement_timeout":                   milliseconds,
		"lock_timeout":                        milliseconds,
		"idle_in_transaction_session_timeout": milliseconds,
	} {
		config.RuntimeParams[name] = value
	}
	// A server that is gone without a word is noticed within half a minute.
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	config.DialFunc = dialer.DialContext
	return config, nil
}

// statement is all queries in one round trip, which see the database as it is at one moment.
func (p *Postgres) statement() string {
	var s strings.Builder
	s.WriteString("begin read only, isolation level repeatable read;\n")
	for _, q := range p.Queries {
		fmt.Fprintf(&s, "select coalesce(json_agg(q), '[]') from (\n%s\n) q;\n", strings.TrimRight(q.SQL, "; \t\n"))
	}
	s.WriteString("commit")
	return s.String()
}

// postgresSession is a [Session]. It is used by one goroutine.
type postgresSession struct {
	conn      *pgconn.PgConn
	queries   []Query
	statement string
	told      []string // what was told and not waited for yet
}

func (s *postgresSession) Alive() bool { return !s.conn.IsClosed() }

func (s *postgresSession) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}

func (s *postgresSession) Ping(ctx context.Context) error { return s.exec(ctx, "select") }

// exec runs a statement for which only its end counts.
func (s *postgresSession) exec(ctx context.Context, sql string) error {
	_, err := s.conn.Exec(ctx, sql).ReadAll()
	return err
}

func (s *postgresSession) Read(ctx context.Context) (rows.Set, error) {
	s.told = nil // what was told before this reading is in it
	results, err := s.conn.Exec(ctx, s.statement).ReadAll()
	if err != nil {
		if s.Alive() {
			_ = s.exec(ctx, "rollback")
		}
		return nil, s.explain(err)
	}
	results = results[1 : len(results)-1] // without begin and commit
	out := rows.Set{}
	for i, q := range s.queries {
		if len(results[i].Rows) != 1 {
			return nil, fmt.Errorf("query %q: it is not one statement", q.Name)
		}
		if out[q.Name], err = rows.Parse(results[i].Rows[0][0], q.Key); err != nil {
			return nil, fmt.Errorf("query %q: %w", q.Name, err)
		}
	}
	return out, nil
}

// explain adds what the server says beside its message.
func (s *postgresSession) explain(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Detail != "" {
		return fmt.Errorf("read the rows: %w: %s", err, refused.Detail)
	}
	return fmt.Errorf("read the rows: %w", err)
}

func (s *postgresSession) Wait(ctx context.Context) (status.Change, error) {
	if len(s.told) == 0 {
		if err := s.conn.WaitForNotification(ctx); err != nil {
			return status.Change{}, err
		}
	}
	told := s.told[len(s.told)-1]
	s.told = nil
	var change status.Change
	if err := json.Unmarshal([]byte(told), &change); err != nil {
		change = status.Change{Op: told} // of another sender: it counts all the same
	}
	return change, nil
}
