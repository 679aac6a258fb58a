package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/stack"
)

// Services are the services of the stack beside the database: folders in containers whose image.yaml declares one.
type Services mg.Namespace

// Start builds the chosen services, starts them and waits until they are healthy, each after those that it depends
// on. POSTSTACK_SERVICES chooses. The database is started and migrated before. With -of=NAME it starts that one and
// what it needs, chosen or not. Settings: those of setup. Example: mage services:start
func (Services) Start(ctx context.Context, of *string) error {
	ctx = context.WithValue(ctx, onlyKey{}, orZero(of))
	return phase(ctx, startChosen(), before(checkChosen()), buildServices, Schema.Update) // here: phase names who calls it
}

// onlyKey is the context's key of the service that is meant; "" is all.
type onlyKey struct{}

func only(ctx context.Context) string {
	name, _ := ctx.Value(onlyKey{}).(string)
	return name
}

func startServices(ctx context.Context) error {
	return phase(ctx, startChosen(), before(checkChosen()), buildServices, Schema.Update)
}

func checkChosen() work {
	return func(s *stack.Stack, ctx context.Context) error { return s.CheckServices(ctx, only(ctx)) }
}

func startChosen() work {
	return func(s *stack.Stack, ctx context.Context) error { return s.StartServices(ctx, only(ctx)) }
}

func buildServices(ctx context.Context) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.BuildServices(ctx, only(ctx))
	}, Build.Base)
}

// Restart stops running services and starts them again as they are, each after those that it depends on. What has
// changed in their declarations or images is taken by services:start. With -of=NAME only that one. Settings:
// POSTSTACK_TIMEOUT_STOP, POSTSTACK_TIMEOUT_START. Example: mage services:restart -of=nginx
func (Services) Restart(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.RestartServices(ctx, orZero(of)) })
}

// Status shows how the services are: ports, origin of the rows, what is not served and why, certificates. It starts
// nothing. With -of=NAME only that one. Example: mage services:status -of=nginx
func (Services) Status(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.ServicesStatus(ctx, orZero(of)) })
}

// Reload has running services take a changed configuration without a restart, and asks whether they are healthy with
// it. With -of=NAME only that one. Example: mage services:reload -of=web
func (Services) Reload(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.ReloadServices(ctx, orZero(of)) })
}

// Stop stops the services, those first that others do not need, and leaves the database running. Their volumes stay.
// With -of=NAME only that one. Setting: POSTSTACK_TIMEOUT_STOP. Example: mage services:stop
func (Services) Stop(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.StopServices(ctx, orZero(of)) })
}
