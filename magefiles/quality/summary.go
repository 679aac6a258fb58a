package quality

import (
	"fmt"
	"os"
	"time"
)

// summarise adds a line on a layer to the step summary of GitHub Actions, when there is one.
func (p Project) summarise(name string, c counts, took time.Duration) error {
	path := p.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open step summary: %w", err)
	}
	_, err = fmt.Fprintf(f, "- **%s tests**: %s in %s\n", name, c, took)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write step summary: %w", err)
	}
	return nil
}
