package agent

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/poststack/poststack/pkg/agent/declaration"
	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/process"
	"github.com/poststack/poststack/pkg/agent/render"
	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
)

// What can go wrong, as the status names it.
const (
	whatDatabase = "database"
	whatRender   = "render"
	whatReload   = "reload"
	whatDaemon   = "daemon"
)

// take makes files of rows and has the daemon take them over. After an error everything is as it was.
func (a *Agent) take(ctx context.Context, set rows.Set, origin status.Origin, r *feed.Reading) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if origin != status.Database && a.origin == status.Database {
		return nil // the database was faster
	}
	return a.apply(ctx, set, origin, r)
}

// apply is take for who holds the lock.
func (a *Agent) apply(ctx context.Context, set rows.Set, origin status.Origin, r *feed.Reading) error {
	begun := time.Now()
	a.wrong = true
	if origin == status.Database {
		a.wanted = set // even if it takes more than one attempt
	}
	result, err := a.files.Apply(ctx, set)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.fail(whatRender, err)
		return err
	}
	a.served, a.origin = set, origin
	reload := len(result.Changed) > 0 || a.pairsChanged()
	a.pending = a.pending || reload
	a.behind = a.behind.and(result.Changed)
	if err := a.reload(ctx); err != nil {
		a.fail(whatReload, err)
		return err
	}
	a.wrong = len(result.LeftOut) > 0
	a.tell(result, begun, reload, r)
	if reload {
		debug.FreeOSMemory() // the next change may be hours away
	}
	if a.Declaration.Kept != "" && origin == status.Database && len(result.Changed) > 0 {
		if err := result.Rows.Save(a.Declaration.Kept); err != nil {
			a.log.Warn(err.Error())
		}
	}
	return nil
}

// pairsChanged tells whether a pair has changed that the daemon keeps in memory.
func (a *Agent) pairsChanged() bool {
	if a.pairs == nil || !a.Declaration.Pairs.Reload {
		return false
	}
	before := a.stamp
	a.stamp = a.pairs.Stamp()
	return before != a.stamp
}

// reload has the daemon take the files over, if it has not yet.
func (a *Agent) reload(ctx context.Context) error {
	if a.daemon == nil || !a.pending {
		return nil
	}
	how := a.Declaration.Daemon.Reload
	switch {
	case how.Signal != "":
		if err := a.daemon.Signal(signalOf(how.Signal)); err != nil {
			return err
		}
	case len(how.Run) > 0:
		if _, err := a.run(ctx, how.Command, a.Declaration.Directory, a.behind); err != nil {
			return err
		}
	}
	a.pending, a.behind = false, nil
	return nil
}

// check is the render.Checker.
func (a *Agent) check(ctx context.Context, stage string, changed []render.Change) (string, error) {
	return a.run(ctx, a.Declaration.Check, stage, changes(nil).and(changed))
}

// run runs a command on the files of a directory, which tells it of those that have changed if it asks.
func (a *Agent) run(ctx context.Context, c declaration.Command, dir string, changed changes) (string, error) {
	list := dir + ".changed"
	if c.AsksWhatChanged() {
		if err := os.WriteFile(list, []byte(changed.String()), 0o600); err != nil {
			return "", fmt.Errorf("list the changed files: %w", err)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("it took longer than %s", c.Timeout))
	defer cancel()
	return a.table.Run(ctx, process.Spec{Argv: c.Argv(dir, list), Env: a.Environ, Dir: dir})
}

// fail tells of what went wrong.
func (a *Agent) fail(what string, err error) {
	a.log.Error("everything stays as it was", "what", what, "error", err)
	a.board.Change(func(s *status.Status) { s.LastError = &status.Error{At: time.Now(), What: what, Text: err.Error()} })
}

// tell tells of what was taken over.
func (a *Agent) tell(result render.Result, begun time.Time, reload bool, r *feed.Reading) {
	now := time.Now()
	leftOut := []status.LeftOut{}
	for _, row := range result.LeftOut {
		leftOut = append(leftOut, status.LeftOut{Query: row.Query, Key: row.Key, Kept: row.Kept, Error: row.Err.Error()})
	}
	a.board.Change(func(s *status.Status) {
		a.tellRows(s.LeftOut, leftOut)
		s.Rows, s.LastRender, s.LeftOut = a.origin, &now, leftOut
		if s.LastError != nil && s.LastError.What != whatDatabase {
			s.LastError = nil
		}
		s.Warnings, s.Certificates = a.warnings(), a.certificates()
		if r != nil {
			s.LastRead = &r.At
			s.LastChange = r.Change
		}
		if reload && a.daemon != nil {
			s.LastReload = &now
			s.Reloads++
		}
	})
	if reload {
		a.log.Info("took the rows over", "files", len(result.Changed), "took", now.Sub(begun).Round(time.Millisecond))
	}
}

// tellRows logs which rows are newly left out, and which no longer.
func (a *Agent) tellRows(before, now []status.LeftOut) {
	was := map[render.ID]string{}
	for _, row := range before {
		was[render.ID{Query: row.Query, Key: row.Key}] = row.Error
	}
	for _, row := range now {
		id := render.ID{Query: row.Query, Key: row.Key}
		if was[id] != row.Error {
			a.log.Error("a row cannot be served", "query", row.Query, "row", row.Key, "last good one is served",
				row.Kept, "error", row.Error)
		}
		delete(was, id)
	}
	for id := range was {
		a.log.Info("a row is served again, or gone", "query", id.Query, "row", id.Key)
	}
}

// tellDatabase tells whether the database can be used.
func (a *Agent) tellDatabase(connected bool, err error) {
	before := a.board.Now()
	wrong := before.LastError != nil && before.LastError.What == whatDatabase
	switch {
	case err == nil && (!before.Connected || wrong):
		a.log.Info("the database answers")
	case err == nil:
		return
	case !wrong || before.LastError.Text != err.Error():
		a.log.Warn("the database cannot be used: what was good is served on", "error", err)
	case before.Connected == connected:
		return // it was told already
	}
	a.board.Change(func(s *status.Status) {
		if s.Connected != connected {
			s.Connected, s.Since = connected, time.Now()
		}
		switch {
		case err != nil:
			s.LastError = &status.Error{At: time.Now(), What: whatDatabase, Text: err.Error()}
		case wrong:
			s.LastError = nil
		}
	})
}
