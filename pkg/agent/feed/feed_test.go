package feed_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
)

// server is a database that is not one. Its fields are guarded by mu.
type server struct {
	mu       sync.Mutex
	down     error // nobody can connect, and whoever is, is cut off
	refusing error // of every reading
	mute     bool  // connections are there, and nothing comes through them
	version  int   // of the rows
	told     chan status.Change
	opened   int
	cut      chan struct{} // closed when the connections end
}

func newServer() *server {
	return &server{told: make(chan status.Change, 1000), cut: make(chan struct{})}
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// change commits one change of a row.
func (s *server) change(key string) {
	s.set(func() { s.version++ })
	s.told <- status.Change{Table: "domains", Op: "insert", Key: key}
}

// connections is how many were made.
func (s *server) connections() (n int) {
	s.set(func() { n = s.opened })
	return n
}

// stop ends all connections, and refuses new ones.
func (s *server) stop(err error) {
	s.set(func() { s.down = err; close(s.cut); s.cut = make(chan struct{}) })
}

func (s *server) open(ctx context.Context) (feed.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return nil, s.down
	}
	s.opened++
	return &session{server: s, cut: s.cut}, nil
}

type session struct {
	server *server
	cut    chan struct{}
	dead   bool
}

func (s *session) Alive() bool { return !s.dead }
func (s *session) Close()      { s.dead = true }

func (s *session) Read(ctx context.Context) (rows.Set, error) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.refusing != nil {
		return nil, s.server.refusing
	}
	return rows.Set{"q": make([]rows.Row, s.server.version)}, nil
}

func (s *session) Wait(ctx context.Context) (status.Change, error) {
	select {
	case c := <-s.server.told:
		return c, nil
	case <-ctx.Done():
		return status.Change{}, ctx.Err()
	case <-s.cut:
		s.dead = true
		return status.Change{}, errors.New("cut off")
	}
}

func (s *session) Ping(ctx context.Context) error {
	s.server.mu.Lock()
	mute := s.server.mute
	s.server.mu.Unlock()
	if mute {
		<-ctx.Done()
		s.dead = true
		return ctx.Err()
	}
	return nil
}

// follower keeps what a feed gives.
type follower struct {
	mu       sync.Mutex
	readings []feed.Reading
	at       []time.Duration // since the start
	states   []string
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.readings)
}

// told are the states, each once when it comes several times in a row.
func (f *follower) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Compact(slices.Clone(f.states))
}

func (f *follower) last() feed.Reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readings[len(f.readings)-1]
}

// follow runs a feed for the length of a test; the server refuses each reading with that error, unless it is nil.
func follow(t *testing.T, refusing error, test func(s *server, f *follower)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, begun, f := newServer(), time.Now(), &follower{}
		s.refusing = refusing
		run := feed.Feed{
			Open: s.open,
			Bounds: feed.Bounds{
				Connect: 5 * time.Second, Read: 20 * time.Second, Alone: 20 * time.Millisecond, Burst: 500 * time.Millisecond,
				Ping: 30 * time.Second, Full: 5 * time.Minute, Retry: 2 * time.Second,
			},
			Deliver: func(_ context.Context, r feed.Reading) {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.readings, f.at = append(f.readings, r), append(f.at, time.Since(begun))
			},
			State: func(connected bool, err error) {
				f.mu.Lock()
				defer f.mu.Unlock()
				text := "connected"
				if err != nil {
					text = err.Error()
				}
				f.states = append(f.states, text)
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); run.Run(ctx) }()
		synctest.Wait()
		test(s, f)
		cancel()
		<-done
	})
}

func TestFeed_reads_at_once_and_after_a_change(t *testing.T) {
	t.Parallel()
	follow(t, nil, func(s *server, f *follower) {
		assert.Equal(t, 1, f.count())
		assert.Nil(t, f.last().Change)
		time.Sleep(time.Second)
		s.change("7")
		time.Sleep(30 * time.Millisecond)
		assert.Equal(t, 2, f.count())
		assert.Len(t, f.last().Rows["q"], 1)
		assert.Equal(t, "7", f.last().Change.Key)
	})
}

func TestFeed_reads_a_commit_of_many_rows_as_soon_as_one_of_one(t *testing.T) {
	t.Parallel()
	follow(t, nil, func(s *server, f *follower) {
		time.Sleep(time.Second)
		for range 100 { // what a transaction tells comes at once
			s.change("x")
		}
		time.Sleep(30 * time.Millisecond)
		assert.Equal(t, 2, f.count())
		assert.Len(t, f.last().Rows["q"], 100)
	})
}

func TestFeed_gathers_a_burst(t *testing.T) {
	t.Parallel()
	follow(t, nil, func(s *server, f *follower) {
		for range 300 { // 3 s of changes
			s.change("x")
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		assert.LessOrEqual(t, f.count(), 9)
		assert.GreaterOrEqual(t, f.count(), 3, "it does not wait for the end of changes that go on")
		assert.Len(t, f.last().Rows["q"], 300)
	})
}

func TestFeed_outlives_an_outage(t *testing.T) {
	t.Parallel()
	follow(t, nil, func(s *server, f *follower) {
		s.stop(errors.New("refused"))
		time.Sleep(time.Minute)
		assert.Equal(t, 1, f.count())
		s.set(func() { s.down = nil; s.version = 5 })
		time.Sleep(3 * time.Second)
		assert.Equal(t, 2, f.count(), "what changed meanwhile is read at once")
		assert.Len(t, f.last().Rows["q"], 5)
		assert.Equal(t, []string{"connected", "cut off", "refused"}, f.told()[:3])
	})
}

func TestFeed_connects_again_at_once_when_it_is_cut_off(t *testing.T) {
	t.Parallel()
	follow(t, nil, func(s *server, f *follower) {
		for i := range 5 {
			s.stop(nil)
			time.Sleep(200 * time.Millisecond)
			assert.Equal(t, i+2, f.count())
		}
	})
}

func TestFeed_notices_a_network_that_swallows_everything(t *testing.T) {
	t.Parallel()
	follow(t, nil, func(s *server, f *follower) {
		s.set(func() { s.mute = true })
		time.Sleep(40 * time.Second)
		assert.Equal(t, 2, s.connections())
	})
}

func TestFeed_tries_a_refused_statement_again(t *testing.T) {
	t.Parallel()
	follow(t, errors.New(`relation "domains" does not exist`), func(s *server, f *follower) {
		time.Sleep(time.Minute)
		assert.Zero(t, f.count())
		assert.Equal(t, 1, s.connections(), "the connection is kept")
		s.set(func() { s.refusing = nil })
		time.Sleep(4 * time.Second)
		assert.Equal(t, 1, f.count())
	})
}

func TestFeed_reads_all_from_time_to_time(t *testing.T) {
	t.Parallel()
	follow(t, nil, func(s *server, f *follower) {
		s.set(func() { s.version = 3 }) // and nobody says so
		time.Sleep(5*time.Minute + time.Second)
		assert.Equal(t, 2, f.count())
		assert.Len(t, f.last().Rows["q"], 3)
	})
}
