package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/stack"
)

// Engine is the container engine that everything runs on, podman or docker.
type Engine mg.Namespace

// Install installs a container engine on Debian or Ubuntu and starts it, unless one works already. Podman gets a unit
// that starts its containers again after a reboot. Without root it prints the commands instead. Setting:
// POSTSTACK_ENGINE (podman unless it says docker). Example: mage engine:install
func (Engine) Install(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).InstallEngine)
}

// Status tells which engines are here, which one is used, and why another was rejected. Setting: POSTSTACK_ENGINE.
// Example: mage engine:status
func (Engine) Status(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).EngineStatus)
}

// Config is the configuration in force.
type Config mg.Namespace

// Show prints every setting, its value and where it came from. Secrets are masked. Example: mage config:show
func (Config) Show(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).ShowConfig)
}
