package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/session"
	"github.com/poststack/poststack/pkg/trace"
)

const (
	// serviceIdle is after how long without a connection podman's service ends by itself. We keep it busy
	// (see [service.beat]), so it counts from the moment at which this process has died, however it died.
	serviceIdle = 12 * time.Second
	// serviceBeat is how often it is asked for a sign of life.
	serviceBeat = serviceIdle / 3
	// serviceStart bounds its start; measured: 41 to 64 ms on an idle machine.
	serviceStart = 20 * time.Second
	// stopGrace is how long it has to end: it has nothing to finish.
	stopGrace = 3 * time.Second
	// maxSocketPath is the longest path of a socket on Linux, in bytes; 103 on macOS.
	maxSocketPath = 103
)

// service is podman's API, answered by a `podman system service` of our own on a socket in a directory that
// only this user can enter. It starts with the first call and again when it has gone.
type service struct {
	command runner.Command
	dir     string // of the socket; made and removed here
	socket  string
	trace   *trace.Recorder // may be nil

	mu      sync.Mutex
	process *runner.Process
	closed  bool
	stop    chan struct{} // ends the beat
}

// newService prepares a service and starts nothing.
func newService(ctx context.Context, cli commandLine, runtimeDir string) (*service, error) {
	parent, err := filepath.Abs(filepath.Join(runtimeDir, fmt.Sprintf("poststack-%d", os.Getuid())))
	if err != nil {
		return nil, fmt.Errorf("make directory for podman's socket: %w", err)
	}
	if err := privateDir(parent); err != nil {
		return nil, err
	}
	removeStale(ctx, parent)
	dir, err := os.MkdirTemp(parent, "p")
	if err != nil {
		return nil, fmt.Errorf("make directory for podman's socket: %w", err)
	}
	s := &service{dir: dir, socket: filepath.Join(dir, "s"), trace: trace.From(ctx), stop: make(chan struct{})}
	if err := s.own(); err != nil { // before others take it for left behind: it may be long until the first call
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if len(s.socket) > maxSocketPath {
		_ = os.RemoveAll(dir)
		return nil,
			fmt.Errorf("make podman's socket: the path %q has more than %d bytes; set XDG_RUNTIME_DIR to a shorter one",
				s.socket, maxSocketPath)
	}
	s.use(cli)
	return s, nil
}

// use starts the service from now on as cli says, and ends one that runs otherwise.
func (s *service) use(cli commandLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := !slices.Equal(s.command.Env, cli.env) || s.command.Dir != cli.dir
	s.command = cli.command("system", "service", fmt.Sprintf("--time=%d", int(serviceIdle.Seconds())), "unix://"+s.socket)
	s.command.Dir = cli.dir
	if changed && s.process != nil {
		s.process.Stop(stopGrace)
	}
}

// privateDir makes dir, or makes sure that it is ours alone: in a shared temporary directory somebody else
// might have made it first.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory for podman's socket: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("make directory for podman's socket: %w", err)
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ownedByUs(info) {
		return fmt.Errorf("make directory for podman's socket: %q is not a directory of this user with mode 0700", dir)
	}
	return nil
}

// removeStale removes the directories of services that have gone with their owners.
func removeStale(ctx context.Context, parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		dir := filepath.Join(parent, entry.Name())
		owner, _ := os.ReadFile(filepath.Join(dir, "owner")) // empty: nobody has noted yet that it is theirs
		info, err := entry.Info()
		if err != nil || len(owner) == 0 && time.Since(info.ModTime()) < 2*serviceStart {
			continue // perhaps about to listen
		}
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", filepath.Join(dir, "s"))
		if err == nil {
			_ = conn.Close()
			continue
		}
		if len(owner) > 0 && session.Alive(string(owner)) {
			continue
		}
		_ = os.RemoveAll(dir)
	}
}

// dial connects to the service, starting it when it does not run. One that was killed a moment ago is known to have
// ended only once what it had started lets go of its output.
func (s *service) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	for begun := time.Now(); ; {
		p, err := s.ensure(ctx)
		if err != nil {
			return nil, err
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Since(begun) > serviceStart {
			return conn, err
		}
		select {
		case <-p.Done():
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(serviceStart):
			return nil, err
		}
	}
}

// ensure starts the service when it does not run, and returns when it listens.
func (s *service) ensure(ctx context.Context) (*runner.Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("start podman's service: the engine is closed")
	}
	if s.process != nil {
		select {
		case <-s.process.Done():
		default:
			return s.process, nil
		}
	}
	if err := s.own(); err != nil {
		return nil, err
	}
	_ = os.Remove(s.socket) // podman would refuse one that is left over
	p, err := runner.Start(s.command)
	if err != nil {
		return nil, fmt.Errorf("start podman's service: %w", err)
	}
	p.TraceBeside(s.trace, s.command)
	if err := s.await(ctx, p); err != nil {
		p.Stop(time.Second)
		return nil, fmt.Errorf("start podman's service: %w", err)
	}
	first := s.process == nil
	s.process = p
	if first {
		go s.beat()
	}
	return p, nil
}

// own notes in the directory whose it is.
func (s *service) own() error {
	if err := os.WriteFile(filepath.Join(s.dir, "owner"), []byte(session.Process()), 0o600); err != nil {
		return fmt.Errorf("start podman's service: %w", err)
	}
	return nil
}

// await polls until the service accepts a connection.
func (s *service) await(ctx context.Context, p *runner.Process) error {
	ctx, cancel := context.WithTimeoutCause(ctx, serviceStart, fmt.Errorf("no answer within %s", serviceStart))
	defer cancel()
	defer trace.Start(ctx, trace.Wait, "wait for podman's service").End()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.Done():
			return errors.Join(errors.New("it ended at once"), p.Err())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// beat keeps the service from its idle end while this process lives.
func (s *service) beat() {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
	}}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: serviceBeat}
	tick := time.NewTicker(serviceBeat)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			if res, err := c.Head("http://podman/_ping"); err == nil { //nolint:noctx // bounded by the client's timeout
				_ = res.Body.Close()
			}
		}
	}
}

// close ends the service and removes its socket. Containers go on.
func (s *service) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.stop)
	if s.process != nil {
		s.process.Stop(stopGrace)
	}
	_ = os.RemoveAll(s.dir)
}
