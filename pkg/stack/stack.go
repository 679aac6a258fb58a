// Package stack holds what each phase does: build an image, start the database, verify it, migrate it. When a
// phase runs is not decided here: the targets' dependencies say so. It sends events and prints nothing.
package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/interrupt"
	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/schema"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/service"
	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/verify"
)

// Engine is what the phases need of a container engine; *engine.Engine has it. The packages below say what they need of
// it; the rest is asked only here.
type Engine interface {
	container.Engine
	container.Server
	image.Engine
	schema.Containers
	service.Engine
	verify.Engine
	Close() error
	ContainerEndLost(ctx context.Context, name string) error
	ContainerFile(ctx context.Context, id engine.ContainerID, path string) ([]byte, error)
	ContainerKeepUp(ctx context.Context, id engine.ContainerID) error
	ContainerLost(ctx context.Context, name string) ([]engine.ContainerID, error)
	ExecCommand(id engine.ContainerID, spec engine.ExecSpec, tty bool) runner.Command
	ImageHistory(ctx context.Context, ref engine.Ref) ([]engine.Layer, error)
	VolumeUsage(ctx context.Context, name string) (int64, error)
}

// Terminal runs a program that talks to the user itself, and returns its exit status; [runner.Terminal] does.
type Terminal interface {
	Run(ctx context.Context, c runner.Command) (int, error)
	Interactive() bool // a person can type and see
}

// Options are what a stack is opened with.
type Options struct {
	Config  config.Config
	Logs    *logging.Logs
	Secrets *secret.Set
	Sink    event.Sink
	Runner  runner.Runner       // nil runs programs of this machine
	Getenv  func(string) string // nil is os.Getenv
	System  engine.System       // what starts with the machine; the zero value asks this one
	Engine  Engine              // nil opens one when a phase first needs it
	Network doctor.Network      // where doctor asks for mirrors; the zero value is this machine's, and those of its Debian
	Term    Terminal            // for psql and shells; only they need it
	Stdin   *os.File            // where Reset asks; nil is os.Stdin
	Asked   string              // the target that the user asked for, as mage lists it
	Orphans bool                // the run ends with the parent of this process, which mage is
	Trace   *trace.Recorder     // records the run, and is closed by who opened it; nil records nothing
}

// Stack is one run's view of a checkout's containers. Its phases may run side by side.
type Stack struct {
	Options
	cancel context.CancelCauseFunc
	stop   func() // ends listening for signals

	engineOnce  once[Engine]
	enginesOnce once[[]engine.Candidate] // of the doctor
	imagesOnce  once[*image.Catalogue]
	lockOnce    once[*lock]
	givenOnce   once[secret.Value] // the password in a file of the user's
	locked      atomic.Bool
	sweepOnce   sync.Once

	changed  atomic.Bool                     // a phase of this run changed something
	verified atomic.Pointer[database.Target] // the server that DATABASE_URL names, as it answered in this run
	standing atomic.Pointer[standing]
	sessions database.Sessions // with the database in use

	making   sync.Mutex // held while the stack gets an owner or a network, and a service its ports
	promised []uint16   // ports of this machine that services have been given, and may not have taken yet

	built sync.Map        // image.Result by name: what this run built, or found current
	renew map[string]bool // images that are built without a cache; set before any is built

	renewal image.Renewal // of Debian, for the builds of this run
}

// Open returns a stack and the context that its phases run in: it ends when one of them fails, and when this
// process is told to end by SIGINT, SIGTERM or SIGHUP.
func Open(ctx context.Context, o Options) (*Stack, context.Context) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	if o.Runner == nil {
		o.Runner = runner.Exec{Secrets: o.Secrets}
	}
	ctx, cancel := endedBySignal(ctx)
	o.Secrets.Add(o.Config.Database.URL.Reveal())
	o.Sink = redacted(o.Sink, o.Secrets)
	if o.Trace != nil {
		o.Sink, o.Runner, o.Term = o.Trace.Sink(o.Sink), runner.WithTrace(o.Runner), traced(o.Term)
		ctx = trace.With(ctx, o.Trace)
	}
	return &Stack{Options: o, cancel: cancel, stop: interrupt.Watch(cancel, o.Orphans)}, ctx
}

// endedBySignal is ctx for a run. Mage cancels its own on Ctrl-C without a cause.
func endedBySignal(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if errors.Is(cause, context.Canceled) {
			cause = &interrupt.Error{Signal: syscall.SIGINT}
		}
		cancel(cause)
	})
	context.AfterFunc(run, func() { forget() })
	return run, cancel
}

// Close releases what the run held, and returns err, or what went wrong in closing if err is nil.
func (s *Stack) Close(err error) error {
	defer s.stop()
	s.cancel(nil)
	s.sessions.Close(context.Background())
	var problems []error
	if standby := s.onStandby(); standby != nil {
		problems = append(problems, standby.Close(trace.With(context.Background(), s.Trace)))
	}
	if e := s.engineOnce.value; e != nil && s.Engine == nil {
		if closeErr := e.Close(); closeErr != nil {
			problems = append(problems, fmt.Errorf("close engine: %w", closeErr))
		}
	}
	if l := s.lockOnce.value; l != nil {
		problems = append(problems, l.release())
	}
	if err != nil {
		return err
	}
	return errors.Join(problems...)
}

// Fail ends the run with err as its cause, so that what runs beside it stops; nil does nothing. It returns
// err.
func (s *Stack) Fail(err error) error {
	if err != nil {
		s.cancel(err)
	}
	return err
}

// External tells whether the database in use is not Poststack's own.
func (s *Stack) External() bool { return s.Config.Database.URL != "" }

// engine opens the container engine, once. A run that may change something removes what killed runs have left on it.
func (s *Stack) engine(ctx context.Context) (Engine, error) {
	e, err := s.openEngine(ctx)
	if err == nil && s.Engine == nil && s.locked.Load() {
		s.sweepOnce.Do(func() { s.sweep(ctx, e) })
	}
	return e, err
}

// openEngine opens the container engine, once.
func (s *Stack) openEngine(ctx context.Context) (Engine, error) {
	return s.engineOnce.get(func() (Engine, error) {
		if s.Engine != nil {
			return s.Engine, nil
		}
		e, err := engine.Open(ctx, s.engineOptions(s.Sink.For("")))
		if err != nil {
			return nil, s.boundTo(err)
		}
		return e, nil
	})
}

// engineOptions are what the engine package needs to know.
func (s *Stack) engineOptions(r event.Reporter) engine.Options {
	return engine.Options{
		Want:   cmp.Or(string(s.autoEngine()), s.Config.Engine),
		Runner: s.Runner, Getenv: s.Getenv, Secrets: s.Secrets, Report: r,
		CacheDir: s.Config.CacheDir, Volumes: s.unfinishedFile(),
	}
}

// sweep removes what killed runs have left. Not being able to is no reason to stop.
func (s *Stack) sweep(ctx context.Context, e Engine) {
	image.Sweep(s.Config.CacheDir)
	swept, err := container.Sweep(ctx, e)
	for _, name := range swept {
		s.Sink.For("").Notice(fmt.Sprintf("removed %s, left behind by a killed run", name))
	}
	if err != nil && ctx.Err() == nil { // what ended the run is told by who ended it
		s.Sink.For("").Warn(fmt.Sprintf("sweep leftovers: %v", err))
	}
}

// catalogue reads the images' declarations, once.
func (s *Stack) catalogue() (*image.Catalogue, error) {
	return s.imagesOnce.get(func() (*image.Catalogue, error) {
		return image.LoadCatalogue(filepath.Join(s.Config.Root, "containers"))
	})
}
