package targets

import (
	"context"

	"github.com/poststack/poststack/pkg/stack"
)

// Setup builds the images, starts and verifies the database, migrates it, and starts the services that are chosen.
// Later runs do only what changed. With DATABASE_URL set it migrates that database and starts none. Settings: all
// that config:show lists. Example: mage setup
func Setup(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).Setup, Schema.Update, chosen(startServices))
}

// Status shows the containers, their health and port, the state of the schema and the size of the data. It starts
// nothing. Example: mage status
func Status(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).Status)
}

// Doctor looks the machine and the stack over, and says how to mend what is not well. It checks the engine, its
// storage, limits, cgroups, disk space, the port, names, mirrors, the clock, artifacts, permissions, locks, the
// containers of the stack, leftovers and the database. It changes nothing; with -fix it mends what is safe. It ends
// with 1 if a problem stays, and with 0 if there are only warnings. Example: mage doctor -fix
func Doctor(ctx context.Context, fix *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.Doctor(ctx, orZero(fix)) })
}

// Down stops the containers of the stack and keeps the data. Setting: POSTSTACK_TIMEOUT_STOP. Example: mage down
func Down(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).Down)
}

// Reset deletes the containers, the network and the data of the stack, after it has named them and asked. With -yes
// it does not ask. Example: mage reset -yes
func Reset(ctx context.Context, yes *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.Reset(ctx, orZero(yes)) })
}
