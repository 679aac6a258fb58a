package quality

import (
	"context"
	"os"
	"time"

	"github.com/poststack/poststack/pkg/runner"
)

// Browser looks at what Poststack draws for people in a real browser. Where there is none, root on a machine
// with apt gets Debian's; elsewhere it fails and says what to install.
func (p Project) Browser(ctx context.Context) error {
	if err := p.haveBrowser(ctx); err != nil {
		return err
	}
	flags := []string{"-count=1", "-timeout=" + (10 * time.Minute).String()}
	return p.test(ctx, layer{name: "browser", packages: []string{"./tests/browser/..."}, flags: flags, listed: true})
}

// haveBrowser finds a browser by the names that the tests know, or installs one.
func (p Project) haveBrowser(ctx context.Context) error {
	path := p.Getenv("PATH")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if runner.Look(name, path) != "" {
			return nil
		}
	}
	if os.Geteuid() != 0 || runner.Look("apt-get", path) == "" {
		return missing("chromium")
	}
	p.say("   installing Debian's package chromium, which the browser tests need")
	if err := p.run(ctx, "apt-get", "-qq", "update"); err != nil {
		return err
	}
	_, err := p.Runner.Run(ctx, runner.Command{
		Program: "apt-get",
		Args:    []string{"-qq", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"},
		Env:     []string{"DEBIAN_FRONTEND=noninteractive"}, Stdout: p.Stdout, Stderr: p.Stderr,
	})
	return err
}
