package schema

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// lookEvery is how often it is asked whether the work waits for a lock that another session has.
const lookEvery = 5 * time.Second

// waiting tells what the session that does the work waits for, or "". Without a word about it a changeset that needs a
// table which an application uses looks as if it took long.
func (p *run) waiting() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waits == "" {
		return ""
	}
	who := "Liquibase"
	if p.current != nil {
		who = fmt.Sprintf("changeset %s of %s", p.current, p.current.File)
	}
	return who + " waits for a lock that another session has: " + p.waits
}

// lookBlocked asks who has the lock, on a connection of its own. Not being able to ask is no failure of the work.
func (p *run) lookBlocked(ctx context.Context) {
	p.mu.Lock()
	pid := p.pid
	p.mu.Unlock()
	if pid == 0 {
		return
	}
	var list []database.Session
	var own *database.Sessions // the run's holds the lock
	err := own.Use(ctx, p.m.Target, func(ctx context.Context, conn *pgx.Conn) (err error) {
		list, err = database.Blockers(ctx, conn, pid)
		return err
	})
	if err != nil {
		return // also when the run has just ended, and what was known of it stays
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waits = ""; len(list) > 0 {
		p.waits = holders(list)
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
			p.lookBlocked(ctx)
			if text := p.waiting(); text != "" {
				p.m.Report.Notice("waiting: " + text)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
