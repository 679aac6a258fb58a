package targets

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/present"
	"github.com/poststack/poststack/pkg/present/report"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/source"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/pkg/trace"
)

// session is the stack that a target named on the command line has opened for itself and for what it needs.
type session struct {
	*stack.Stack
	id string // unlike that of any other session of this process
}

// sessionKey finds the session in a context.
type sessionKey struct{}

// configKey finds in a context what changes the configuration of the session that is opened in it.
type configKey struct{}

type configure = func(config.Config) (config.Config, error)

// configured lets change alter the configuration of the session that is opened in the context.
func configured(ctx context.Context, change configure) context.Context {
	return context.WithValue(ctx, configKey{}, change)
}

// errReaderGone ends what would go on for a reader that has gone: mage logs -follow | head -1.
var errReaderGone = errors.New("nobody reads the output any more")

// newSession is the session of s, and a context that carries it.
func newSession(ctx context.Context, s *stack.Stack) (*session, context.Context) {
	opened := &session{Stack: s, id: rand.Text()}
	return opened, context.WithValue(ctx, sessionKey{}, opened)
}

// invocation is one target as it was named on the command line, and what shows it.
type invocation struct {
	target  string
	logDir  string
	secrets *secret.Set
	view    *present.View
	logs    *logging.Logs   // nil until the configuration is read
	trace   *trace.Recorder // nil if nobody wants a trace
}

// open returns the session that ctx carries, or opens one for the target that name gives. done closes what open
// opened, and nothing else; it takes the target's error and returns the one to report, with its exit status.
func open(ctx context.Context, name func() string) (s *session, _ context.Context, done func(error) error, err error) {
	if s, ok := ctx.Value(sessionKey{}).(*session); ok {
		return s, ctx, func(err error) error { return exit(ended(ctx, err)) }, nil
	}
	root, err := source.FindRoot(".")
	if err != nil {
		err = &stack.UsageError{Reason: err.Error()}
	}
	if err == nil {
		err = refuseLine(os.Args[1:], source.Built() != "")
	}
	var cfg config.Config
	if err == nil {
		cfg, err = loadConfig(root)
	}
	if change, ok := ctx.Value(configKey{}).(configure); ok && err == nil {
		cfg, err = change(cfg)
	}
	run := newInvocation(name(), root, cfg)
	if err == nil {
		err = run.openLogs(cfg)
	}
	if err == nil {
		err = run.openTrace(cfg)
	}
	if err != nil {
		return nil, ctx, nil, run.close(err)
	}
	if warning := source.StaleWarning(root); warning != "" {
		run.view.Handle(event.Event{Kind: event.Warning, At: time.Now(), Text: warning})
	}
	opened, ctx := stack.Open(ctx, stack.Options{
		Config: cfg, Logs: run.logs, Secrets: run.secrets, Sink: run.view.Handle, Term: terminal(), Asked: run.target,
		Orphans: source.Built() == "", Trace: run.trace,
	})
	s, ctx = newSession(ctx, opened)
	run.view.OnGone(func() { _ = s.Fail(errReaderGone) })
	return s, ctx, func(err error) error {
		if errors.Is(context.Cause(ctx), errReaderGone) {
			err = nil
		}
		return run.close(ended(ctx, s.Close(err))) //nolint:contextcheck // the context of the run has ended when it closes
	}, nil
}

// newInvocation opens the view, also where the configuration could not be read: that has to be told of, too.
func newInvocation(target, root string, cfg config.Config) *invocation {
	run := &invocation{target: target, secrets: &secret.Set{}}
	if root != "" {
		run.logDir = config.Config{Root: root}.LogDir()
	}
	run.view = present.Open(present.Options{
		Mode: present.Mode(cfg.Output), Target: target, Secrets: run.secrets,
		Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
	})
	return run
}

// openLogs makes the view write to the logs.
func (r *invocation) openLogs(cfg config.Config) (err error) {
	r.logs, err = logging.Open(logging.Options{
		Dir: r.logDir, Level: cfg.LogLevel, Keep: cfg.LogKeep, Secrets: r.secrets, Args: os.Args[1:],
		Console: r.view.Console(), Colour: r.view.Colour(),
	})
	if err != nil {
		return fmt.Errorf("open logs: %w", err)
	}
	r.view.Attach(r.logs.Logger())
	return nil
}

// close ends the target with err, and keeps what there is to tell of a set-up.
func (r *invocation) close(err error) error {
	err = r.closeTrace(err)
	end := present.End{}
	if r.logs != nil {
		end.Log = r.logs.Path()
		if closeErr := r.logs.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("close logs: %w", closeErr)
		}
	}
	err = exit(err)
	var has status
	if errors.As(err, &has) {
		end.Err, end.Status = has.error, has.code
	}
	document := r.view.Close(end)
	if lost := r.view.Lost(); err == nil && lost != nil {
		return exit(lost)
	}
	if err != nil {
		err = status{error: r.view.Error(has.error), code: has.code}
	}
	if r.target != "setup" || r.logDir == "" {
		return err
	}
	if keepErr := document.Keep(filepath.Join(r.logDir, report.SetupFile), r.secrets); keepErr != nil && err == nil {
		r.logs.Logger().Warnf("keep the set-up for mage report: %v", keepErr) // it is done all the same
	}
	return err
}
