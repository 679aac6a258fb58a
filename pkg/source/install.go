package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/poststack/poststack/pkg/runner"
)

// Binary is where [Install] puts the compiled program, relative to the root.
const Binary = "bin/poststack"

// program is the folder that names the targets of the compiled program, relative to the root. Those that look after
// the code are in none of its packages.
const program = "magefiles/program"

// Install compiles the targets that users run into [Binary]. A running one is replaced, not written to.
func Install(ctx context.Context, run runner.Runner, root string) error {
	stamp, err := CurrentStamp(root)
	if err != nil {
		return err
	}
	target := filepath.Join(root, filepath.FromSlash(Binary))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("make directory for %q: %w", Binary, err)
	}
	beside, err := os.MkdirTemp(filepath.Dir(target), ".new-") // on the same file system
	if err != nil {
		return fmt.Errorf("make directory for %q: %w", Binary, err)
	}
	defer func() { _ = os.RemoveAll(beside) }()
	fresh := filepath.Join(beside, filepath.Base(target)) // mage compiles the name into its usage lines
	set := "-X github.com/poststack/poststack/pkg/source.builtFrom=" + string(stamp)
	_, err = run.Run(ctx, runner.Command{
		Program: "go", Args: []string{"tool", "mage", "-d", program, "-ldflags", set, "-compile", fresh}, Dir: root,
	})
	if err != nil {
		return fmt.Errorf("compile %q: %w", Binary, err)
	}
	if err := os.Rename(fresh, target); err != nil {
		return fmt.Errorf("replace %q: %w", Binary, err)
	}
	return nil
}
