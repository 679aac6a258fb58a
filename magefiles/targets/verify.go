package targets

import (
	"context"

	"github.com/poststack/poststack/pkg/stack"
)

// Runtime runs every image in a container that is thrown away and checks what its image.yaml declares. Everything it
// made is removed, also when a check fails. With -of=NAME it checks only that one. Settings: those of build:base.
// Example: mage verify:runtime
func (Verify) Runtime(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.VerifyRuntime(ctx, orZero(of))
	}, Build.Postgres, Build.Liquibase, buildRest)
}

// Base runs the base image and checks what containers/base-debian/image.yaml declares. Settings: those of build:base.
// Example: mage verify:base
func (Verify) Base(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).VerifyBase, Build.Base)
}

// Postgres runs the PostgreSQL image and checks what containers/postgres/image.yaml declares. Settings: those of
// build:base. Example: mage verify:postgres
func (Verify) Postgres(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).VerifyPostgres, Build.Postgres)
}

// Liquibase runs the Liquibase image and checks what containers/liquibase/image.yaml declares. Settings: those of
// build:liquibase. Example: mage verify:liquibase
func (Verify) Liquibase(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).VerifyLiquibase, Build.Liquibase)
}

// buildRest builds the images that have no target of their own, of which mage knows nothing by name.
func buildRest(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).BuildRest, Build.Postgres, Build.Liquibase)
}
