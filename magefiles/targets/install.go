package targets

import (
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/source"
	"github.com/poststack/poststack/pkg/stack"
)

// Install compiles the targets that run the stack into one program, bin/poststack. Those that look after the code
// (test, lint, docs and so on) are left out of it. It says so when the checkout's code is newer than the program.
// Example: mage install && bin/poststack status
func Install(ctx context.Context) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		if err := source.Install(ctx, s.Runner, s.Config.Root); err != nil {
			return err
		}
		s.Sink.Result(event.Report{
			Text: fmt.Sprintf("installed %s; %[1]s -l lists the targets", source.Binary),
			Data: map[string]string{"program": source.Binary},
		})
		return nil
	})
}
