// Package feed follows the rows of a database: it reads them, listens for changes, and reads again. It outlives every
// outage, and never takes away what it gave.
package feed

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
)

// Session is a connection that listens already, so that no change can fall between a reading and the wait for the next.
type Session interface {
	// Read gives the rows of all queries as they were at one moment.
	Read(ctx context.Context) (rows.Set, error)
	// Wait gives the next change that was told since the session was opened. When ctx ends first, the session is as
	// usable as before.
	Wait(ctx context.Context) (status.Change, error)
	// Ping asks whether the other side still answers.
	Ping(ctx context.Context) error
	// Alive tells whether the session can be used after an error.
	Alive() bool
	Close()
}

// Bounds are the times of a [Feed].
type Bounds struct {
	Connect time.Duration // for a connection
	Read    time.Duration // for one reading
	Alone   time.Duration // without a change after which it is quiet
	Burst   time.Duration // between two readings while changes go on
	Ping    time.Duration // between two questions whether the database is there
	Full    time.Duration // between two readings, also when nothing was told
	Retry   time.Duration // the longest between two attempts, of a connection and of a reading that was refused
}

// Reading is what was read.
type Reading struct {
	Rows   rows.Set
	At     time.Time
	Change *status.Change // the last one that was told before; nil if none was
}

// Feed follows a database. Its functions are called one at a time, by [Feed.Run].
type Feed struct {
	Bounds Bounds
	Open   func(ctx context.Context) (Session, error)
	// Deliver takes what was read. The next reading waits for it, and so changes gather meanwhile.
	Deliver func(ctx context.Context, r Reading)
	// State is told whether the database can be used; err says why it cannot.
	State func(connected bool, err error)

	last *status.Change
	read time.Time // when the last reading began
}

// Run follows the database until ctx ends.
func (f *Feed) Run(ctx context.Context) {
	wait := f.backoff()
	for ctx.Err() == nil {
		connectCtx, cancel := context.WithTimeout(ctx, f.Bounds.Connect)
		session, err := f.Open(connectCtx)
		cancel()
		if err == nil {
			err = f.follow(ctx, session, wait)
			session.Close()
		}
		if ctx.Err() != nil {
			return
		}
		f.State(false, err)
		pause(ctx, wait.NextBackOff())
	}
}

// backoff makes the waits between attempts: the first is short, as most outages are a restart.
func (f *Feed) backoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = 50*time.Millisecond, 2, f.Bounds.Retry
	b.Reset()
	return b
}

// follow uses a session for as long as it lasts.
func (f *Feed) follow(ctx context.Context, session Session, connecting *backoff.ExponentialBackOff) error {
	reading := f.backoff()
	for {
		readCtx, cancel := context.WithTimeout(ctx, f.Bounds.Read)
		f.read = time.Now()
		set, err := session.Read(readCtx)
		cancel()
		next := f.Bounds.Full
		switch {
		case err == nil:
			f.State(true, nil)
			f.Deliver(ctx, Reading{Rows: set, At: f.read, Change: f.last})
			reading.Reset()
			connecting.Reset()
		case !session.Alive():
			return err
		default: // a statement was refused, such as for a table that a migration holds
			f.State(false, err)
			next = reading.NextBackOff()
		}
		if err := f.await(ctx, session, time.Now().Add(next)); err != nil {
			return err
		}
	}
}

// await waits until the rows are to be read again: after a change, or at that time.
func (f *Feed) await(ctx context.Context, session Session, until time.Time) error {
	for time.Now().Before(until) {
		found, err := f.wait(ctx, session, min(f.Bounds.Ping, time.Until(until)))
		if err != nil {
			return err
		}
		if found {
			return f.settle(ctx, session)
		}
		if err := f.ping(ctx, session); err != nil {
			return err
		}
	}
	return nil
}

// settle waits after a change until it is quiet. What one transaction tells comes at once, and hardly waits; those that
// come one after the other are gathered, so that a daemon never has to take over more than so many changes in a second.
func (f *Feed) settle(ctx context.Context, session Session) error {
	if end := f.read.Add(f.Bounds.Burst); time.Now().Before(end) {
		return f.gather(ctx, session, end)
	}
	for end := time.Now().Add(f.Bounds.Burst); time.Now().Before(end); {
		company, err := f.wait(ctx, session, f.Bounds.Alone)
		if err != nil || !company {
			return err
		}
	}
	return nil
}

// gather takes note of changes until that time.
func (f *Feed) gather(ctx context.Context, session Session, end time.Time) error {
	for time.Now().Before(end) {
		if _, err := f.wait(ctx, session, time.Until(end)); err != nil {
			return err
		}
	}
	return nil
}

// wait waits for a change for some time, and tells whether there was one.
func (f *Feed) wait(ctx context.Context, session Session, most time.Duration) (bool, error) {
	waitCtx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	change, err := session.Wait(waitCtx)
	switch {
	case err == nil:
		change.At = time.Now()
		f.last = &change
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(waitCtx.Err(), context.DeadlineExceeded) && session.Alive():
		return false, nil
	default:
		return false, err
	}
}

// ping asks whether the database is there: a network that swallows everything never says so by itself.
func (f *Feed) ping(ctx context.Context, session Session) error {
	pingCtx, cancel := context.WithTimeout(ctx, f.Bounds.Connect)
	defer cancel()
	return session.Ping(pingCtx)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
