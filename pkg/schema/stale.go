package schema

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// StaleLock tells who left Liquibase's lock set and is gone, or "" if it is free, or may still be held. It changes
// nothing.
func StaleLock(ctx context.Context, conn *pgx.Conn) (string, error) {
	holders, err := database.LockHolders(ctx, conn, advisoryKey)
	if err != nil || len(holders) > 0 {
		return "", err
	}
	lock, err := abandoned(ctx, conn)
	if err != nil || lock == nil {
		return "", err
	}
	return lock.String(), nil
}

// ReleaseStaleLock sets free what [StaleLock] tells of, unless someone has begun to migrate meanwhile. It returns
// whose lock that was, or "" if none was released.
func ReleaseStaleLock(ctx context.Context, conn *pgx.Conn) (whose string, err error) {
	release, err := database.Lock(ctx, conn, advisoryKey)
	var held *database.LockedError
	if errors.As(err, &held) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	lock, err := abandoned(ctx, conn)
	if err != nil || lock == nil {
		return "", err
	}
	cleared, err := clearLock(ctx, conn, *lock)
	if err != nil || !cleared {
		return "", err
	}
	return lock.String(), nil
}

// abandoned is the lock that is set while no client is connected that could hold it; nil if there is none.
func abandoned(ctx context.Context, conn *pgx.Conn) (*Lock, error) {
	r, err := read(ctx, conn)
	if err != nil || r.lock == nil {
		return nil, err
	}
	alive, err := candidates(ctx, conn)
	if err != nil || len(alive) > 0 {
		return nil, err
	}
	return r.lock, nil
}
