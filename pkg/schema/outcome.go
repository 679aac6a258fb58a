package schema

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// settleTimeout is how long it may take to learn what became of a run that failed.
const settleTimeout = 20 * time.Second

// settle asks the database what became of it after a run that failed: what is recorded now and was not before, what
// is partly applied, and whether the rest is known to be undone. It asks on a connection of its own, once the session
// that did the work has ended; ctx may have ended by then, too.
func (p *run) settle(ctx context.Context, before recorded) *Outcome {
	if !p.told {
		return &Outcome{}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	o := &Outcome{Ended: p.ended, Partly: p.partly}
	var own *database.Sessions // the run's holds the lock
	err := own.Use(ctx, p.m.Target, func(ctx context.Context, conn *pgx.Conn) error {
		return p.ask(ctx, conn, before, o)
	})
	if err != nil {
		return &Outcome{Reason: strings.TrimSuffix(firstLine(err.Error()), ".")}
	}
	o.Asked = true
	return o
}

func (p *run) ask(ctx context.Context, conn *pgx.Conn, before recorded, o *Outcome) error {
	if err := p.awaitEnd(ctx, conn); err != nil {
		return err
	}
	after, err := read(ctx, conn)
	if err != nil {
		return err
	}
	was := map[row]bool{}
	for _, w := range before.rows {
		was[w] = true
	}
	now := map[row]bool{}
	for _, w := range after.rows {
		if now[w] = true; !was[w] {
			o.Applied = append(o.Applied, Applied{File: w.file, Changeset: w.id, Author: w.author, Type: w.exec})
		}
	}
	for _, w := range before.rows {
		if !now[w] && !after.has(w.key) {
			o.Applied = append(o.Applied, Applied{File: w.file, Changeset: w.id, Author: w.author, Type: "ROLLED_BACK"})
		}
	}
	if o.Partly == nil && !o.Ended {
		o.Partly = after.state().Partly
	}
	if o.Undone = p.settled; o.Undone {
		return nil
	}
	return p.askTransaction(ctx, conn, after, o)
}

// askTransaction asks what became of the transaction of a Liquibase that ended without a word. If it was committed
// although the changeset that ran is not recorded, that has ended it by itself.
func (p *run) askTransaction(ctx context.Context, conn *pgx.Conn, after recorded, o *Outcome) error {
	var status *string
	if p.xid != 0 {
		if err := conn.QueryRow(ctx, `select txid_status($1)`, p.xid).Scan(&status); err != nil {
			return fmt.Errorf("ask what became of the transaction: %w", err)
		}
	}
	o.Undone = status != nil && *status == "aborted"
	if p.current == nil || o.Undone || o.Partly != nil {
		return nil
	}
	if !after.has(p.current.key()) {
		o.Ended = status != nil && *status == "committed"
		o.Unsure = p.current.String()
	}
	return nil
}

// awaitEnd waits until the session that did the work is gone, and ends it if it does not go: only then what it has
// done is all that it has done.
func (p *run) awaitEnd(ctx context.Context, conn *pgx.Conn) error {
	if p.pid == 0 {
		return nil
	}
	for start := time.Now(); ; {
		var alive bool
		const question = `select exists (select from pg_stat_activity where pid = $1 and datname = current_database())`
		if err := conn.QueryRow(ctx, question, p.pid).Scan(&alive); err != nil || !alive {
			return err
		}
		if time.Since(start) > settleTimeout/4 {
			if _, err := conn.Exec(ctx, `select pg_terminate_backend($1)`, p.pid); err != nil {
				return fmt.Errorf("end the session of Liquibase: %w", err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("session %d of Liquibase is still at work", p.pid)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
