package schema

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// lookEvery is how often it is asked whether the work waits for a lock that another session has.
const lookEvery = 5 * time.Second

// blocked is what keeps the session that does the work waiting. Without a word about it a changeset that needs a table
// which an application uses looks as if it took long.
type blocked struct {
	mu      sync.Mutex
	pid     int       // of the session; 0 if it is not known yet
	running Changeset // the one that runs, or ran last
	by      string    // who has the lock that it waits for; "" if it does not wait
}

// heard takes an event in.
func (b *blocked) heard(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e.Event {
	case "session":
		b.pid = e.PID
	case "running":
		b.running = e.Changeset
	}
}

// String tells who waits for whom, or "".
func (b *blocked) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == "" {
		return ""
	}
	return fmt.Sprintf("changeset %s of %s waits for a lock that another session has: %s", b.running, b.running.File, b.by)
}

// look asks who has the lock, on a connection of its own. Not being able to ask is no failure of the work.
func (b *blocked) look(ctx context.Context, t database.Target) {
	b.mu.Lock()
	pid := b.pid
	b.mu.Unlock()
	if pid == 0 {
		return
	}
	var list []database.Session
	var own *database.Sessions // the run's holds the lock
	err := own.Use(ctx, t, func(ctx context.Context, conn *pgx.Conn) (err error) {
		list, err = database.Blockers(ctx, conn, pid)
		return err
	})
	if err != nil {
		return // also when the run has just ended, and what was known of it stays
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by = ""; len(list) > 0 {
		b.by = holders(list)
	}
}

// watchBlocked tells while the work waits for a lock, until stop.
func (p *run) watchBlocked(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticks := time.NewTicker(lookEvery)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			if p.blocked.look(ctx, p.m.Target); p.blocked.String() != "" {
				p.m.Report.Notice("waiting: " + p.blocked.String())
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
