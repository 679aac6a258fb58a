package schema

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// StaleLock tells who left Liquibase's lock set and is gone, or "" if it is free, or may still be held. It changes
// nothing.
func StaleLock(ctx context.Context, conn *pgx.Conn) (string, error) {
	r, err := read(ctx, conn)
	if err != nil || r.lock == nil {
		return "", err
	}
	alive, err := candidates(ctx, conn)
	if err != nil || len(alive) > 0 {
		return "", err
	}
	holders, err := database.LockHolders(ctx, conn, advisoryKey)
	if err != nil || len(holders) > 0 {
		return "", err
	}
	return r.lock.String(), nil
}

// ReleaseStaleLock sets free what [StaleLock] tells of, unless someone has begun to migrate meanwhile. It returns
// whose lock that was, or "" if there was none.
func ReleaseStaleLock(ctx context.Context, conn *pgx.Conn) (string, error) {
	stale, err := StaleLock(ctx, conn)
	if err != nil || stale == "" {
		return "", err
	}
	release, err := database.Lock(ctx, conn, advisoryKey)
	if err != nil {
		return "", err
	}
	if err := clearLock(ctx, conn); err != nil {
		_ = release() // the lock ends with the connection
		return "", err
	}
	return stale, release()
}
