package quality

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/poststack/poststack/pkg/source"
)

// Binary is where [Project.Install] puts the compiled targets, relative to the root.
const Binary = "bin/poststack"

// Install compiles all targets into [Binary]. A running one is replaced, not written to.
func (p Project) Install(ctx context.Context) error {
	stamp, err := source.CurrentStamp(p.Root)
	if err != nil {
		return err
	}
	target := filepath.Join(p.Root, filepath.FromSlash(Binary))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("make directory for %q: %w", Binary, err)
	}
	fresh := fmt.Sprintf("%s.%d.new", target, os.Getpid())
	defer func() { _ = os.Remove(fresh) }()
	set := "-X github.com/poststack/poststack/pkg/source.builtFrom=" + string(stamp)
	if err := p.run(ctx, "go", "tool", "mage", "-ldflags", set, "-compile", fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, target); err != nil {
		return fmt.Errorf("replace %q: %w", Binary, err)
	}
	p.say("installed %s; %s -l lists the targets", Binary, Binary)
	return nil
}
