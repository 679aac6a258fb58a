package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/stack"
)

// DB is the database in use: Poststack's own container, or the server that DATABASE_URL names.
type DB mg.Namespace

// Start starts Poststack's own PostgreSQL and waits until it answers a query. With DATABASE_URL set it does nothing.
// The password is generated once, the port is the first free one from 5432 and then stays. Settings:
// POSTSTACK_DATABASE_PORT, POSTSTACK_DATABASE_NAME, POSTSTACK_DATABASE_USER, POSTSTACK_DATABASE_PASSWORD_FILE,
// POSTSTACK_DATABASE_TLS, POSTSTACK_TIMEOUT_START. Example: mage db:start
func (DB) Start(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).StartDatabase, before((*stack.Stack).CheckCertificate), own(Build.Postgres))
}

// Url prints the connection URL of the database in use, password included, and nothing else. Whoever lists processes
// sees the password of a URL that is an argument: with -passfile it goes into a file that only you can read, and the
// URL names that file. Example: psql "$(mage db:url -passfile)"
func (DB) Url(ctx context.Context, passfile *bool) error { //nolint:revive // mage lists it as db:url
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.PrintURL(ctx, isSet(passfile)) })
}

// Verify checks what was built and started.
type Verify mg.Namespace

// DB connects to the database, signs in, and checks that it can be read and written. The check is rolled back. It
// starts a stopped database of Poststack's own. Settings: DATABASE_URL, POSTSTACK_TIMEOUT_CONNECT. Example: mage
// verify:db
func (Verify) DB(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).VerifyDatabase, own(DB.Start))
}
