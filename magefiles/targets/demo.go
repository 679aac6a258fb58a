package targets

import (
	"context"

	"github.com/poststack/poststack/pkg/stack"
)

// Demo serves an example domain on this machine, in a stack of its own. It has a page, a name server's records, two
// mailboxes with a mail and a certificate that Pebble issues, a local ACME authority; it needs no internet but for
// packages, and prints what to try. Run again, it gives the mailboxes new passwords. With -remove nothing of it is
// left. Example: mage demo
func Demo(ctx context.Context, remove *bool) error {
	ctx = configured(ctx, stack.DemoConfig)
	if orZero(remove) {
		return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.Reset(ctx, true) })
	}
	return phase(ctx, (*stack.Stack).Demo, Schema.Update, startServices)
}
