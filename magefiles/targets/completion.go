package targets

import (
	"context"

	"github.com/poststack/poststack/pkg/completion"
	"github.com/poststack/poststack/pkg/stack"
)

// Completion prints a script with which bash, zsh or fish completes targets and flags of mage and of bin/poststack.
// It writes no file; see docs/completion.md. Example: source <(mage completion bash)
func Completion(ctx context.Context, shell string) error {
	return phase(ctx, func(s *stack.Stack, _ context.Context) error {
		script, err := completion.Script(shell)
		if err != nil {
			return &stack.UsageError{Reason: err.Error()}
		}
		s.Print(script)
		return nil
	})
}
