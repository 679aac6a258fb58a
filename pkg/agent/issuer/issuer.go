// Package issuer keeps certificates as the rows of a table want them: it has certbot ask an authority for them, deploys
// each where services find it, renews it in time, and tells the table what came of it. It is the first process of its
// container.
package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/process"
	"github.com/poststack/poststack/pkg/agent/status"
)

// Paths are where everything is.
type Paths struct {
	Certificates string // each in a directory below
	State        string // certbot's own
	Webroot      string // that web servers answer challenges from
	Run          string // for what need not outlive the container
	Status       string // file that the state is told in
	NameKey      string // of the name server: lets records of challenges be changed
	Program      string // certbot
	Roots        string // whom this machine trusts
	Health       string // address at which HTTP is told how it is
}

// Issuer is one run.
type Issuer struct {
	Paths   Paths
	Options Options
	Environ []string // of certbot
	Open    func(ctx context.Context) (feed.Session, error)
	// Exec changes the table.
	Exec    func(ctx context.Context, sql string, args ...any) error
	Log     *slog.Logger
	Signals <-chan os.Signal

	board  *status.Board
	procs  *process.Table
	kick   chan struct{}
	known  map[int64]memory // by row; used by the one that works
	gone   map[string]time.Time
	unsaid map[int64]change // what the table was not told, as it was away

	mu     sync.Mutex
	latest *feed.Reading // nil until the database has answered
	hurry  bool          // somebody asks for what is tried again later
}

const (
	// lookEvery is how often all files are looked at: nobody tells when one is removed.
	lookEvery = time.Minute
	// ending is how long an order that is under way may take when the service is to end. Certbot takes back its
	// challenges when it is told to end.
	ending = 20 * time.Second
	// askTime is how long who asks how it is may take with the question.
	askTime = 5 * time.Second
)

// Run runs until it is told to end, and gives the exit status.
func (i *Issuer) Run(ctx context.Context) (int, error) {
	if err := i.prepare(); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked, err := new(net.ListenConfig).Listen(ctx, "tcp", i.Paths.Health)
	if err != nil {
		return 1, fmt.Errorf("listen for health checks: %w", err)
	}
	defer asked.Close()
	answers := &http.Server{Handler: i.board, ReadTimeout: askTime, WriteTimeout: askTime}
	go func() { _ = answers.Serve(asked) }() // until asked is closed
	go i.procs.Reap(context.WithoutCancel(ctx))
	f := feed.Feed{
		Bounds: feed.Bounds{
			Connect: 5 * time.Second, Read: 20 * time.Second, Alone: 20 * time.Millisecond, Burst: 500 * time.Millisecond,
			Ping: 30 * time.Second, Full: 5 * time.Minute, Retry: 2 * time.Second,
		},
		Open: i.Open, Deliver: i.take, State: i.tellDatabase,
	}
	reading, enough := context.WithCancel(ctx)
	go f.Run(reading)
	worked := make(chan struct{})
	go func() { defer close(worked); i.work(ctx, reading) }()
	i.board.Change(func(s *status.Status) { s.State, s.PID = status.Serving, os.Getpid() })
	for s := range i.Signals {
		if s == syscall.SIGHUP {
			i.mu.Lock()
			i.hurry = true
			i.mu.Unlock()
			i.wake()
		} else if s == syscall.SIGTERM || s == syscall.SIGINT || s == syscall.SIGQUIT {
			break
		}
	}
	i.board.Change(func(s *status.Status) { s.State = status.Stopping })
	enough()
	select {
	case <-worked:
	case <-time.After(ending):
		cancel()
		<-worked
	}
	return 0, nil
}

// prepare makes the directories, and clears what an earlier run has left.
func (i *Issuer) prepare() (err error) {
	i.kick, i.known = make(chan struct{}, 1), map[int64]memory{}
	i.gone, i.unsaid = map[string]time.Time{}, map[int64]change{}
	i.board = status.NewBoard("certbot", i.Paths.Status, func(err error) { i.Log.Warn(err.Error()) })
	if i.procs, err = process.NewTable(); err != nil {
		return err
	}
	if err := os.MkdirAll(i.Paths.State, 0o700); err != nil {
		return fmt.Errorf("make the directory of certbot: %w", err)
	}
	// No order is under way: an answer to a challenge that is still there is nobody's.
	if err := os.RemoveAll(filepath.Join(i.Paths.Webroot, ".well-known", "acme-challenge")); err != nil {
		i.Log.Warn("old answers to challenges stay", "error", err)
	}
	roots, err := i.Options.trust(i.Paths)
	if roots != "" {
		i.Environ = append(i.Environ, "REQUESTS_CA_BUNDLE="+roots)
	}
	return err
}

// take takes what was read.
func (i *Issuer) take(_ context.Context, r feed.Reading) {
	i.mu.Lock()
	i.latest = &r
	i.mu.Unlock()
	i.wake()
	i.board.Change(func(s *status.Status) { s.Rows, s.LastRead, s.LastChange = status.Database, &r.At, r.Change })
}

// wake has the rows looked at.
func (i *Issuer) wake() {
	select {
	case i.kick <- struct{}{}:
	default: // it will be done anyway
	}
}

// work looks at the rows, and does what is to be done, until begin ends. What is under way then is finished.
func (i *Issuer) work(ctx, begin context.Context) {
	for {
		next := i.pass(ctx, begin)
		select {
		case <-begin.Done():
			return
		case <-i.kick:
		case <-time.After(time.Until(next)):
		}
	}
}

// tellDatabase tells whether the database can be used.
func (i *Issuer) tellDatabase(connected bool, err error) {
	before := i.board.Now()
	switch {
	case err == nil && before.Connected && before.LastError == nil:
		return
	case err == nil:
		i.Log.Info("the database answers")
	case before.LastError == nil || before.LastError.Text != err.Error():
		i.Log.Warn("the database cannot be used", "error", err)
	}
	i.board.Change(func(s *status.Status) {
		if s.Connected != connected {
			s.Connected, s.Since = connected, time.Now()
		}
		s.LastError = nil
		if err != nil {
			s.LastError = &status.Error{At: time.Now(), What: "database", Text: err.Error()}
		}
	})
}

// errTimeout is an authority that does not end.
var errTimeout = errors.New("the authority did not end in time")
