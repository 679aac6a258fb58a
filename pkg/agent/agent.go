// Package agent keeps the files of a daemon as the database wants them. It is the first process of a service's
// container: it renders the files, starts the daemon, renders again when something changes, has the daemon reload,
// passes signals on, starts a daemon again that has ended by itself, and ends with the daemon's status.
package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/agent/declaration"
	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/agent/process"
	"github.com/poststack/poststack/pkg/agent/render"
	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
)

// Agent is one run of the agent.
type Agent struct {
	Declaration    declaration.Declaration
	Open           func(ctx context.Context) (feed.Session, error) // of the database
	Getenv         func(string) string
	Environ        []string // of the daemon and of commands
	Stdout, Stderr *os.File // of the daemon
	Log            io.Writer
	Signals        <-chan os.Signal

	log   *slog.Logger
	board *status.Board
	table *process.Table
	pairs *pair.Store // nil if the service has none
	// reached has a lock of its own, as looking up takes time.
	reached reached
	files   render.Applier

	// mu is held while files are made and taken over.
	mu      sync.Mutex
	wanted  rows.Set // as they were read last, also those that cannot be served; nil if the database has not answered yet
	served  rows.Set // what the files are made of; nil until there are some
	origin  status.Origin
	daemon  *process.Process // nil until it runs
	pending bool             // the daemon has not taken the files over yet
	behind  changes          // what it has not taken over
	wrong   bool             // the last attempt failed, or left rows out
	stamp   string           // of the pairs that it has
}

// errStopped ends everything but the daemon.
var errStopped = errors.New("the agent was told to end")

// Run runs until it is told to end or the daemon cannot be kept running, and gives the daemon's exit status.
func (a *Agent) Run(ctx context.Context) (int, error) {
	if err := a.prepare(); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go a.table.Reap(context.WithoutCancel(ctx)) // also while everything else ends
	if err := a.makeReady(ctx); err != nil {
		return 1, err
	}
	first := make(chan struct{})
	go a.follow(ctx, first)
	if code, started, err := a.start(ctx, first); !started {
		return code, err
	}
	go a.look(ctx)
	return (&attendance{Agent: a, stop: cancel}).run(ctx), nil
}

// follow follows the database; first is closed when rows of it have been taken over.
func (a *Agent) follow(ctx context.Context, first chan<- struct{}) {
	b := a.Declaration.Bounds
	var once sync.Once
	f := feed.Feed{
		Bounds: feed.Bounds(b),
		Open:   a.Open,
		Deliver: func(ctx context.Context, r feed.Reading) {
			if err := a.take(ctx, r.Rows, status.Database, &r); err == nil {
				once.Do(func() { close(first) })
			}
		},
		State: a.tellDatabase,
	}
	f.Run(ctx)
}

// start makes the first files, and starts the daemon with them: with those of the database, or, when that does not
// answer in time, with the kept rows.
func (a *Agent) start(ctx context.Context, first <-chan struct{}) (code int, started bool, err error) {
	timer := time.NewTimer(a.Declaration.Start.Wait)
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case <-first:
			waiting = false
		case s := <-a.Signals:
			if stops(s) {
				return 0, false, nil
			}
		case <-timer.C:
			err := a.startWithout(ctx)
			if err == nil {
				waiting = false
				break
			}
			a.log.Warn("the daemon does not start yet", "error", err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.launch(); err != nil {
		return 1, false, err
	}
	return 0, true, nil
}

// launch starts the daemon with the files as they are, for who holds the lock.
func (a *Agent) launch() error {
	d := a.Declaration.Daemon
	daemon, err := a.table.Start(
		process.Spec{Argv: d.Run, Env: a.Environ, Dir: a.Declaration.Directory, Stdout: a.Stdout, Stderr: a.Stderr},
	)
	if err != nil {
		return err
	}
	a.daemon, a.pending, a.behind = daemon, false, nil
	a.board.Change(func(s *status.Status) { s.State, s.PID = status.Serving, daemon.PID })
	a.log.Info("the daemon runs", "program", d.Run[0], "pid", daemon.PID)
	return nil
}

// startWithout makes files without the database.
func (a *Agent) startWithout(ctx context.Context) error {
	d := a.Declaration
	if d.Kept != "" {
		kept, err := rows.Load(d.Kept)
		if err == nil && kept != nil {
			err = a.take(ctx, a.complete(kept), status.Kept, nil) // queries may have been added since
			if err == nil {
				return nil
			}
		}
		if err != nil {
			a.log.Warn("the kept rows cannot be served", "error", err)
		}
	}
	if !d.Start.Without {
		return errors.New("the database does not answer, and no rows are kept")
	}
	return a.take(ctx, a.complete(nil), status.None, nil)
}
