package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/stack"
)

// Schema manages the tables through Liquibase.
type Schema mg.Namespace

// Init creates the schema in a database that has none. On an initialised one it changes nothing and says so.
// Settings: DATABASE_URL, POSTSTACK_CHANGELOG, POSTSTACK_CONTEXTS, POSTSTACK_LABELS, POSTSTACK_TIMEOUT_SCHEMA.
// Example: mage schema:init
func (Schema) Init(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).InitSchema, before((*stack.Stack).CheckMigration), Build.Liquibase, Verify.DB)
}

// Update applies the changesets that are pending, all of them or none. On an empty database it creates the schema.
// Settings: those of schema:init. Example: mage schema:update
func (Schema) Update(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).UpdateSchema, before((*stack.Stack).CheckMigration), Build.Liquibase, Verify.DB)
}

// Status tells which changesets are applied and which are pending. It builds nothing, starts no database and changes
// nothing. Settings: those of schema:init. Example: mage schema:status
func (Schema) Status(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).SchemaStatus)
}
