package schema

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// advisoryKey is the advisory lock around every operation that changes the schema: "poststck" in ASCII.
const advisoryKey int64 = 0x706f73747374636b

// clientPattern is how a Liquibase that someone else started may call itself: the JDBC driver's own name, one
// with Liquibase or Java in it, or none.
const clientPattern = `(?i)^$|liquibase|jdbc|java|hikari|spring`

// lockPoll is how often a lock that someone holds is looked at again.
const lockPoll = 500 * time.Millisecond

// sayEvery is how often a wait is told of.
const sayEvery = 10 * time.Second

// exclude takes the advisory lock, waiting for its holder for at most m.LockWait.
func (m *Migrator) exclude(ctx context.Context, conn *pgx.Conn, op Operation) (release func() error, err error) {
	err = m.waitFor(ctx, op, func() (string, error) {
		release, err = database.Lock(ctx, conn, advisoryKey)
		var held *database.LockedError
		if errors.As(err, &held) {
			return holders(held.Holders), nil
		}
		return "", err
	})
	return release, err
}

// unlock makes sure that Liquibase's own lock is free. The advisory lock is ours, so no Poststack holds it: a
// client that could be Liquibase and is connected may hold it, and is waited for; else its holder is dead.
func (m *Migrator) unlock(ctx context.Context, conn *pgx.Conn, op Operation) error {
	var lock *Lock
	err := m.waitFor(ctx, op, func() (string, error) {
		r, err := read(ctx, conn)
		if err != nil || r.lock == nil {
			lock = nil
			return "", err
		}
		lock = r.lock
		alive, err := candidates(ctx, conn)
		if err != nil || len(alive) == 0 {
			return "", err
		}
		return fmt.Sprintf("%s; connected: %s", lock, holders(alive)), nil
	})
	if err != nil || lock == nil {
		return err
	}
	cleared, err := clearLock(ctx, conn, *lock)
	if err != nil {
		return err
	}
	if !cleared { // it changed hands meanwhile
		return m.unlock(ctx, conn, op)
	}
	m.Report.Notice(fmt.Sprintf("released the lock of %s: nobody who could hold it is connected any more", lock))
	return nil
}

// waitFor asks until held names no holder any more, and says for whom it waits.
func (m *Migrator) waitFor(ctx context.Context, op Operation, held func() (holder string, err error)) error {
	start, said := time.Now(), time.Time{}
	for {
		holder, err := held()
		if err != nil || holder == "" {
			return err
		}
		if time.Since(start) >= m.LockWait {
			return &Error{
				Op: op, Kind: Busy, Cause: "this database is being migrated by " + holder,
				Hint: "Try again when that has ended. If it hangs, end it there; its lock goes with it.",
			}
		}
		if time.Since(said) >= sayEvery {
			said = time.Now()
			m.Report.Notice("waiting: this database is being migrated by " + holder)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// candidates are the other clients of the database that could be a Liquibase.
func candidates(ctx context.Context, conn *pgx.Conn) ([]database.Session, error) {
	all, err := database.OtherSessions(ctx, conn)
	if err != nil {
		return nil, err
	}
	like := regexp.MustCompile(clientPattern)
	var found []database.Session
	for _, s := range all {
		if like.MatchString(s.Application) {
			found = append(found, s)
		}
	}
	return found, nil
}

// holders lists sessions in one line.
func holders(list []database.Session) string {
	if len(list) == 0 {
		return "another session, which has just ended"
	}
	text := list[0].String()
	if n := len(list) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
