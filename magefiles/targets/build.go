package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/stack"
)

// Build makes the container images.
type Build mg.Namespace

// Base builds the base image (Debian with Python and debugging tools), unless its inputs are unchanged. Debian comes
// from the engine's store, a registry, or else mmdebstrap. Settings: POSTSTACK_DEBIAN_SUITE, POSTSTACK_ENGINE,
// POSTSTACK_TIMEOUT_BUILD. Example: mage build:base
func (Build) Base(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).BuildBase)
}

// Postgres builds the PostgreSQL image on top of the base image, unless its inputs are unchanged. Settings: those of
// build:base. Example: mage build:postgres
func (Build) Postgres(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).BuildPostgres, Build.Base)
}

// Liquibase builds the Liquibase image on top of the base image, unless its inputs are unchanged. The Java runtime in
// it is an image of its own, which is built beside the base. Liquibase itself is downloaded once, checked against
// pinned hashes and kept in the cache. Settings: those of build:base, POSTSTACK_ARTIFACTS. Example: mage
// build:liquibase
func (Build) Liquibase(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).BuildLiquibase, Build.Base, buildStages)
}

// Apache builds the image of Apache on top of the base image, unless its inputs are unchanged. Settings: those of
// build:base. Example: mage build:apache
func (Build) Apache(ctx context.Context) error { return phase(ctx, building("apache"), Build.Base) }

// Bind builds the image of BIND on top of the base image, unless its inputs are unchanged. Settings: those of
// build:base. Example: mage build:bind
func (Build) Bind(ctx context.Context) error { return phase(ctx, building("bind"), Build.Base) }

// Certbot builds the image of certbot on top of the base image, unless its inputs are unchanged. Settings: those of
// build:base. Example: mage build:certbot
func (Build) Certbot(ctx context.Context) error { return phase(ctx, building("certbot"), Build.Base) }

// Dovecot builds the image of dovecot on top of the base image, unless its inputs are unchanged. Settings: those of
// build:base. Example: mage build:dovecot
func (Build) Dovecot(ctx context.Context) error { return phase(ctx, building("dovecot"), Build.Base) }

// Nginx builds the image of nginx on top of the base image, unless its inputs are unchanged. Settings: those of
// build:base. Example: mage build:nginx
func (Build) Nginx(ctx context.Context) error { return phase(ctx, building("nginx"), Build.Base) }

// Pebble builds the image of Pebble, a local authority, on top of the base image, unless its inputs are unchanged.
// Settings: those of build:base. Example: mage build:pebble
func (Build) Pebble(ctx context.Context) error { return phase(ctx, building("pebble"), Build.Base) }

// building is the work of building an image that stands on the base image.
func building(name string) work {
	return func(s *stack.Stack, ctx context.Context) error { return s.BuildImage(ctx, name) }
}

// All builds every image of which an input changed. With -force it builds unchanged ones too; with -noCache, builds
// ignore the layer cache of the engine. With -renew those are built anew that Debian has updates for, with all that
// stands on them; mage setup then takes them into use. Settings: those of build:base. Example: mage build:all -renew
func (Build) All(ctx context.Context, force, noCache, renew *bool) error {
	o := stack.BuildOptions{Force: orZero(force), NoCache: orZero(noCache), Renew: orZero(renew)}
	return phase(stack.WithBuild(ctx, o), (*stack.Stack).BuildRest,
		before((*stack.Stack).LookForUpdates), Build.Postgres, Build.Liquibase)
}

// buildStages builds the images that Liquibase's takes files from, beside the base image.
func buildStages(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).BuildStages)
}

// Images lists the images with their tags, size, age and digest, and whether they are current. It builds nothing.
// With -updates it asks Debian which packages of them have updates, and how many of these are of security, from a
// disposable container. With -sbom=NAME it prints what one is made of, as a bill of materials in CycloneDX's JSON:
// Debian's packages, what was fetched for it, and the modules of Go programs. Example: mage images -sbom=postgres
func Images(ctx context.Context, sbom *string, updates *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		if sbom != nil {
			return s.BillOfMaterials(ctx, *sbom)
		}
		return s.Images(ctx, orZero(updates))
	})
}
