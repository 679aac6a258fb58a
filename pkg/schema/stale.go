package schema

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// ourMark stands in the name that a Liquibase of Poststack gives itself in its lock. See Launcher.java.
const ourMark = "#poststack"

// farthest is how much later than on the server's clock, read as UTC, a lock may have been taken: Liquibase writes down
// the local time of its machine, which is at most 12 hours behind UTC; an hour is for a clock that is wrong.
const farthest = 13 * time.Hour

// StaleLock tells who left Liquibase's lock set and is gone, or "" if it is free, or may still be held. It changes
// nothing.
func StaleLock(ctx context.Context, conn *pgx.Conn) (string, error) {
	lock, err := dead(ctx, conn, advisoryKey, workerKey)
	if err != nil || lock == nil {
		return "", err
	}
	return lock.String(), nil
}

// ReleaseStaleLock sets free what [StaleLock] tells of, unless someone has begun to migrate meanwhile. It returns
// whose lock that was, or "" if none was released.
func ReleaseStaleLock(ctx context.Context, conn *pgx.Conn) (whose string, err error) {
	release, err := database.Lock(ctx, conn, advisoryKey)
	if err != nil || release == nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	lock, err := dead(ctx, conn, workerKey)
	if err != nil || lock == nil {
		return "", err
	}
	cleared, err := clearLock(ctx, conn, *lock)
	if err != nil || !cleared {
		return "", err
	}
	return lock.String(), nil
}

// dead is the lock of Liquibase that is set while nobody holds the advisory locks keys and no session could hold it.
func dead(ctx context.Context, conn *pgx.Conn, keys ...int64) (*Lock, error) {
	for _, key := range keys {
		if holders, err := database.LockHolders(ctx, conn, key); err != nil || len(holders) > 0 {
			return nil, err
		}
	}
	lock, alive, err := abandoned(ctx, conn)
	if err != nil || len(alive) > 0 {
		return nil, err
	}
	return lock, nil
}

// abandoned is the lock that is set, nil if there is none, and the sessions that may hold it. It counts on the
// advisory locks being free: a lock of Poststack's own has no holder then, whoever else is connected. Of the sessions
// of others only those are ruled out that cannot hold it, because they began after it was taken or may not write to
// its table; what a client calls itself proves nothing.
func abandoned(ctx context.Context, conn *pgx.Conn) (*Lock, []database.Session, error) {
	r, err := read(ctx, conn)
	if err != nil || r.lock == nil || strings.Contains(r.lock.By, ourMark) {
		return r.lock, nil, err
	}
	schema, err := currentSchema(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	var latest time.Time
	if !r.lock.Since.IsZero() {
		latest = r.lock.Since.Add(farthest)
	}
	alive, err := database.OtherWriters(ctx, conn, schema+"."+lockTable, latest)
	return r.lock, alive, err
}
