package targets

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/present"
	"github.com/poststack/poststack/pkg/quality"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
)

// sessionKey finds the open stack in a context.
type sessionKey struct{}

// open returns the stack that ctx carries, or opens one. done closes what open opened, and nothing else; it
// takes the target's error and returns the one to report.
func open(ctx context.Context) (s *stack.Stack, _ context.Context, done func(error) error, err error) {
	if s, ok := ctx.Value(sessionKey{}).(*stack.Stack); ok {
		return s, ctx, func(err error) error { return err }, nil
	}
	root, err := quality.FindRoot(".")
	if err != nil {
		return nil, ctx, nil, &stack.UsageError{Reason: err.Error()}
	}
	cfg, err := config.Load(config.Input{Root: root, Environ: os.Environ()})
	if err != nil {
		return nil, ctx, nil, err
	}
	secrets := &secret.Set{}
	view := present.Open(present.Options{Mode: present.Mode(cfg.Output), Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv})
	logs, err := logging.Open(logging.Options{
		Dir: cfg.LogDir(), Level: cfg.LogLevel, Keep: cfg.LogKeep, Secrets: secrets, Args: os.Args[1:],
		Console: view.Console(), Colour: view.Colour(),
	})
	if err != nil {
		return nil, ctx, nil, fmt.Errorf("open logs: %w", err)
	}
	view.Attach(logs.Logger())
	if warning := quality.StaleWarning(root); warning != "" {
		view.Handle(event.Event{Kind: event.Warning, At: time.Now(), Text: warning})
	}
	s, ctx = stack.Open(ctx, stack.Options{Config: cfg, Logs: logs, Secrets: secrets, Sink: view.Handle, Orphans: quality.Built() == ""})
	return s, context.WithValue(ctx, sessionKey{}, s), func(err error) error {
		err = s.Close(err)
		view.Close()
		if closeErr := logs.Close(); err == nil && closeErr != nil {
			return fmt.Errorf("close logs: %w", closeErr)
		}
		return err
	}, nil
}
