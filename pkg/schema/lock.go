package schema

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// The advisory locks around every operation that changes the schema: "poststck" and "poststcl" in ASCII. Whoever asks
// for the operation holds the first, the Liquibase that does it the second, in the very session that does the work:
// it lives as long as that does, even if the one who asked has died.
const (
	advisoryKey int64 = 0x706f73747374636b
	workerKey   int64 = 0x706f73747374636c
)

// lockPoll is how often a lock that someone holds is looked at again.
const lockPoll = 500 * time.Millisecond

// sayEvery is how often a wait is told of.
const sayEvery = 10 * time.Second

// exclude takes the advisory lock, waiting for at most m.LockWait for who holds it, and for a Liquibase of Poststack
// that is still at work.
func (m *Migrator) exclude(ctx context.Context, conn *pgx.Conn) (release func() error, err error) {
	if err := database.NeverIdle(ctx, conn); err != nil {
		return nil, err
	}
	err = m.waitFor(ctx, func() (string, error) {
		release, err = database.Lock(ctx, conn, advisoryKey)
		if err != nil || release != nil {
			return "", err
		}
		working, err := database.LockHolders(ctx, conn, advisoryKey)
		return holders(working), err
	})
	if err != nil {
		return nil, err
	}
	err = m.waitFor(ctx, func() (string, error) {
		working, err := database.LockHolders(ctx, conn, workerKey)
		if err != nil || len(working) == 0 {
			return "", err
		}
		return holders(working), nil
	})
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// unlock makes sure that Liquibase's own lock is free. The advisory locks are free, so no Poststack holds it: it is
// released when no session that could hold it is connected, and waited for as long as there is one.
func (m *Migrator) unlock(ctx context.Context, conn *pgx.Conn) error {
	var lock *Lock
	err := m.waitFor(ctx, func() (string, error) {
		var alive []database.Session
		var err error
		if lock, alive, err = abandoned(ctx, conn); err != nil || lock == nil || len(alive) == 0 {
			return "", err
		}
		return fmt.Sprintf("%s; a session that may hold its lock is connected: %s", lock, holders(alive)), nil
	})
	if err != nil || lock == nil {
		return err
	}
	cleared, err := clearLock(ctx, conn, *lock)
	if err != nil {
		return err
	}
	if !cleared { // it changed hands meanwhile
		return m.unlock(ctx, conn)
	}
	m.Report.Notice(fmt.Sprintf("released the lock of %s: no session that could hold it is connected", lock))
	return nil
}

// waitFor asks until held names no holder any more, and says for whom it waits.
func (m *Migrator) waitFor(ctx context.Context, held func() (holder string, err error)) error {
	start, said := time.Now(), time.Time{}
	for {
		holder, err := held()
		if err != nil || holder == "" {
			return err
		}
		if time.Since(start) >= m.LockWait {
			return &Error{
				Kind: Busy, Cause: "this database is being migrated by " + holder,
				Hint: "Try again when that has ended. If it hangs, end its session: select pg_terminate_backend(PID).",
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
