package database

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Sessions keeps a session for who asks the same server next: a login takes longer than all the questions of a phase.
// The zero value is ready for use, side by side too; nil keeps nothing.
type Sessions struct {
	mu     sync.Mutex
	kept   *pgx.Conn
	target Target // of kept, as it was asked for
}

// Use runs do with a session of t: the one of an earlier use, if it still answers, or a new one. It is kept when do has
// gone well. Errors are do's own, or those of [Target.Connect].
func (s *Sessions) Use(ctx context.Context, t Target, do func(context.Context, *pgx.Conn) error) error {
	conn, err := s.connect(ctx, t)
	if err != nil {
		return err
	}
	if err := do(ctx, conn); err != nil {
		closeConn(ctx, conn)
		return err
	}
	s.keep(ctx, t, conn)
	return nil
}

// Close ends the session that is kept.
func (s *Sessions) Close(ctx context.Context) { s.keep(ctx, Target{}, nil) }

func (s *Sessions) connect(ctx context.Context, t Target) (*pgx.Conn, error) {
	if conn := s.take(t); conn != nil {
		limited, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		if conn.Ping(limited) == nil {
			return conn, nil
		}
		closeConn(ctx, conn)
	}
	return t.Connect(ctx)
}

// take hands out the session that is kept if it is t's. One that was kept before it was known where t answers must have
// got there.
func (s *Sessions) take(t Target) *pgx.Conn {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		return nil
	}
	if at := t.Reached; t != s.target {
		if t.Reached = (Reached{}); t != s.target || at != reached(s.kept) {
			return nil
		}
	}
	conn := s.kept
	s.kept = nil
	return conn
}

// keep puts conn in the place of the session that is kept, and ends that.
func (s *Sessions) keep(ctx context.Context, t Target, conn *pgx.Conn) {
	if s != nil {
		s.mu.Lock()
		s.kept, s.target, conn = conn, t, s.kept
		s.mu.Unlock()
	}
	if conn != nil {
		closeConn(ctx, conn)
	}
}
