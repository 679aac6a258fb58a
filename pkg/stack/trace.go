package stack

import (
	"context"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/trace"
)

// tracedTerminal records the programs that talk to the user.
type tracedTerminal struct{ Terminal }

// traced returns a terminal that records its programs; that of nil is nil.
func traced(t Terminal) Terminal {
	if t == nil {
		return nil
	}
	return tracedTerminal{t}
}

// Run runs c and records it.
func (t tracedTerminal) Run(ctx context.Context, c runner.Command) (int, error) {
	span := runner.Trace(ctx, c)
	code, err := t.Terminal.Run(ctx, c)
	span.End(trace.Number("exit status", code))
	return code, err
}
