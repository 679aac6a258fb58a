package targets

import (
	"fmt"
	"os"
	"time"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/pkg/trace"
)

// loadConfig reads the settings of the checkout at root. A path that was typed is relative to where this process
// runs: where the user is, or where go -C has gone.
func loadConfig(root string) (config.Config, error) {
	dir, err := os.Getwd()
	if err != nil {
		return config.Config{}, fmt.Errorf("get working directory: %w", err)
	}
	return config.Load(config.Input{Root: root, Environ: os.Environ(), Dir: dir})
}

// openTrace begins the trace, if one is wanted. A file that cannot be written in the end is refused now, before
// anything has been done.
func (r *invocation) openTrace(cfg config.Config) (err error) {
	r.trace, err = trace.Open(trace.Options{Path: cfg.Trace, Target: r.target, Secrets: r.secrets})
	if err != nil {
		return &stack.UsageError{Reason: err.Error() + "; set POSTSTACK_TRACE to another file"}
	}
	return nil
}

// closeTrace writes the trace. Not being able to is told, and is an error unless there is one already.
func (r *invocation) closeTrace(err error) error {
	if r.trace == nil {
		return err
	}
	text := "wrote the trace " + r.trace.Path() + "; open it at https://ui.perfetto.dev"
	told := event.Event{Kind: event.Notice, At: time.Now(), Text: text}
	if failed := r.trace.Close(); failed != nil {
		if err == nil {
			return failed
		}
		told.Kind, told.Text = event.Warning, failed.Error()
	}
	r.view.Handle(told)
	return err
}
