package runner

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/poststack/poststack/pkg/trace"
)

// WithTrace records how long each command of next takes and how it ended, where the context has a recorder.
func WithTrace(next Runner) Runner {
	return Func(func(ctx context.Context, c Command) (Result, error) {
		span := Trace(ctx, c)
		res, err := next.Run(ctx, c)
		span.End(trace.Number("exit status", res.Code))
		return res, err
	})
}

// Trace begins the span of c in the lane of ctx: for who starts it in another way than by a [Runner].
func Trace(ctx context.Context, c Command) trace.Span {
	if trace.From(ctx) == nil {
		return trace.Span{}
	}
	return trace.Start(ctx, trace.Subprocess, c.Title(), trace.Text("command", c.text()))
}

// TraceBeside records p, which runs c beside the work of r, until it ends; a nil r records nothing.
func (p *Process) TraceBeside(r *trace.Recorder, c Command) {
	if r == nil {
		return
	}
	span := r.Start("beside", trace.Subprocess, c.Title(), trace.Text("command", c.text()))
	go func() {
		<-p.done
		span.End(trace.Number("exit status", p.cmd.ProcessState.ExitCode()))
	}()
}

// text is the program with its arguments; a trace masks the secrets in it.
func (c Command) text() string { return strings.Join(append([]string{c.Program}, c.Args...), " ") }

// Title is the program's name and its first sub-command, such as "docker build". Options are passed over, and with
// each of them what may be its value.
func (c Command) Title() string {
	name := filepath.Base(c.Program)
	option := false
	for _, arg := range c.Args {
		switch {
		case strings.HasPrefix(arg, "-"):
			option = true
		case isWord(arg):
			return name + " " + arg
		case option:
			option = false
		default:
			return name
		}
	}
	return name
}

// isWord tells whether arg looks like a sub-command rather than a path, a number or a script.
func isWord(arg string) bool {
	return arg != "" && arg[0] >= 'a' && arg[0] <= 'z' && strings.Trim(arg, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
