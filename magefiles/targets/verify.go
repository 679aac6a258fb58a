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
	return phase(ctx, verifying("base-debian"), Build.Base)
}

// Postgres runs the PostgreSQL image and checks what containers/postgres/image.yaml declares. Settings: those of
// build:base. Example: mage verify:postgres
func (Verify) Postgres(ctx context.Context) error {
	return phase(ctx, verifying("postgres"), Build.Postgres)
}

// Liquibase runs the Liquibase image and checks what containers/liquibase/image.yaml declares. Settings: those of
// build:liquibase. Example: mage verify:liquibase
func (Verify) Liquibase(ctx context.Context) error {
	return phase(ctx, verifying("liquibase"), Build.Liquibase)
}

// Apache runs the image of Apache and checks what containers/apache/image.yaml declares. Settings: those of
// build:base. Example: mage verify:apache
func (Verify) Apache(ctx context.Context) error { return phase(ctx, verifying("apache"), Build.Apache) }

// Bind runs the image of BIND and checks what containers/bind/image.yaml declares. Settings: those of build:base.
// Example: mage verify:bind
func (Verify) Bind(ctx context.Context) error { return phase(ctx, verifying("bind"), Build.Bind) }

// Certbot runs the image of certbot and checks what containers/certbot/image.yaml declares. Settings: those of
// build:base. Example: mage verify:certbot
func (Verify) Certbot(ctx context.Context) error {
	return phase(ctx, verifying("certbot"), Build.Certbot)
}

// Dovecot runs the image of dovecot and checks what containers/dovecot/image.yaml declares. Settings: those of
// build:base. Example: mage verify:dovecot
func (Verify) Dovecot(ctx context.Context) error {
	return phase(ctx, verifying("dovecot"), Build.Dovecot)
}

// Nginx runs the image of nginx and checks what containers/nginx/image.yaml declares. Settings: those of build:base.
// Example: mage verify:nginx
func (Verify) Nginx(ctx context.Context) error { return phase(ctx, verifying("nginx"), Build.Nginx) }

// Pebble runs the image of Pebble and checks what containers/pebble/image.yaml declares. Settings: those of
// build:base. Example: mage verify:pebble
func (Verify) Pebble(ctx context.Context) error { return phase(ctx, verifying("pebble"), Build.Pebble) }

// verifying is the work of checking an image.
func verifying(name string) work {
	return func(s *stack.Stack, ctx context.Context) error { return s.VerifyImage(ctx, name) }
}

// buildRest builds what Build.Postgres and Build.Liquibase do not, those without a target of their own, too.
func buildRest(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).BuildRest, Build.Postgres, Build.Liquibase)
}
