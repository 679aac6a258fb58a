package schema

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// operate loads the changelog, connects, and does what may change the database.
func (m *Migrator) operate(
	ctx context.Context, do func(context.Context, *pgx.Conn, *Changelog) (Result, error),
) (result Result, err error) {
	c, err := LoadChangelog(m.Root, m.Changelog)
	if err == nil {
		err = m.Sessions.Use(ctx, m.Target, func(ctx context.Context, conn *pgx.Conn) error {
			result, err = do(ctx, conn, c)
			return err
		})
	}
	if database.Pooled(err) {
		err = &Error{
			Kind: Connection, Cause: database.ErrPooled.Error(), Err: err,
			Hint: "Point DATABASE_URL at the server itself, or at a pool in session mode (PgBouncer: pool_mode=session).",
		}
	}
	if failed, ok := errors.AsType[*Error](err); ok && failed.Outcome == nil {
		failed.Outcome = &Outcome{} // nothing was run
	}
	return result, err
}

// exclusively keeps everyone else out, reads what is recorded then, and does the work. When the session that holds the
// lock is lost, the work ends.
func (m *Migrator) exclusively(
	ctx context.Context, conn *pgx.Conn, do func(context.Context, recorded) (Result, error),
) (Result, error) {
	if m.Liquibase == nil {
		return Result{}, &Error{
			Kind: Refused, Cause: "there is no Liquibase image", Hint: "Build it with: mage build:liquibase",
		}
	}
	if !m.Own {
		if err := m.Target.RequireSessions(ctx); err != nil {
			return Result{}, err
		}
	}
	release, err := m.exclude(ctx, conn)
	if err != nil {
		return Result{}, err
	}
	if err := m.unlock(ctx, conn); err != nil {
		return Result{}, errors.Join(err, release())
	}
	r, err := read(ctx, conn)
	if err != nil {
		return Result{}, errors.Join(err, release())
	}
	held, stop := watch(ctx, conn)
	result, err := do(held, r)
	if lost := stop(); lost != nil {
		return result, errors.Join(err, lost)
	}
	if err == nil && result.run != nil {
		result.State, err = result.run.after(ctx, conn)
	}
	return result, errors.Join(err, release())
}

// watch ends the context that it returns when conn is lost, and with it the lock that its session holds. stop ends the
// watch and tells whether it was; conn can be used again then.
func watch(ctx context.Context, conn *pgx.Conn) (held context.Context, stop func() error) {
	held, lose := context.WithCancelCause(ctx)
	listening, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = conn.WaitForNotification(listening)
		}
		if listening.Err() != nil {
			done <- nil
			return
		}
		err = fmt.Errorf("hold the database's lock: the session that holds it was lost: %w", err)
		lose(err)
		done <- err
	}()
	return held, func() error {
		end()
		defer lose(nil)
		return <-done
	}
}

// change has Liquibase do what may change the database, and tells what has become of it.
func (m *Migrator) change(ctx context.Context, p *run, r recorded, in Invocation) (Result, error) {
	err := p.do(ctx, in)
	if failed, ok := errors.AsType[*Error](err); ok {
		failed.Outcome = p.settle(ctx, r)
		p.explain(failed, r)
	}
	if err == nil || p.current != nil { // what Liquibase runs, it has found nothing wrong with
		m.keep(p.c, r.server, &p.reading)
	}
	if err != nil {
		return Result{Log: p.log}, err
	}
	return Result{Applied: p.applied, Log: p.log, run: p}, nil
}

// after asks for the state that an operation has left.
func (p *run) after(ctx context.Context, conn *pgx.Conn) (State, error) {
	r, err := read(ctx, conn)
	if err != nil {
		return State{}, err
	}
	state, _ := compare(&p.reading, r)
	state.Warnings = warnings(p.c, &p.reading)
	return state, nil
}

// noLog drops what it gets.
type noLog struct{}

// Write drops p.
func (noLog) Write(p []byte) (int, error) { return len(p), nil }

// Close does nothing.
func (noLog) Close() error { return nil }

// Path is empty.
func (noLog) Path() string { return "" }
