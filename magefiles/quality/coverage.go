package quality

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CoverageThreshold is how many percent of the statements in pkg/ the unit and integration tests must run.
const CoverageThreshold = 85.0

// Where coverage goes, relative to the root.
const (
	coverageDir     = "coverage"
	coverageProfile = coverageDir + "/profile.txt"
	coverageHTML    = coverageDir + "/index.html"
)

// CoverUnit is [Project.Race] that measures how much of pkg/ it runs.
func (p Project) CoverUnit(ctx context.Context) error { return p.cover(ctx, "unit", p.race) }

// CoverIntegration is [Project.Integration] that does the same.
func (p Project) CoverIntegration(ctx context.Context) error {
	return p.cover(ctx, "integration", p.integration)
}

// cover runs a layer and leaves its counters in a directory of its own under coverage/.
func (p Project) cover(ctx context.Context, name string, find func(context.Context) (layer, error)) error {
	l, err := find(ctx)
	if err != nil {
		return err
	}
	l.name = name
	dir := filepath.Join(p.Root, coverageDir, l.name)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear coverage of %q: %w", l.name, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory for coverage of %q: %w", l.name, err)
	}
	// Atomic in every layer: data of different modes cannot be merged, and the race detector needs this one.
	l.flags = append(l.flags, "-coverpkg=./pkg/...", "-covermode=atomic")
	return p.test(ctx, l, "-args", "-test.gocoverdir="+dir)
}

// JudgeCoverage merges what the layers measured, shows it for each package, writes the HTML, and fails below the
// threshold. Packages that exist for tests only are left out.
func (p Project) JudgeCoverage(ctx context.Context) error {
	text, err := p.output(ctx, "go", "list", "./pkg/...")
	if err != nil {
		return err
	}
	packages := slices.DeleteFunc(lines(text), func(name string) bool { return strings.HasSuffix(name, "test") })
	data := []string{
		"-i=" + coverageDir + "/unit," + coverageDir + "/integration", "-pkg=" + strings.Join(packages, ","),
	}
	for _, args := range [][]string{
		slices.Concat([]string{"covdata", "percent"}, data),
		slices.Concat([]string{"covdata", "textfmt", "-o=" + coverageProfile}, data),
		{"cover", "-html=" + coverageProfile, "-o=" + coverageHTML},
	} {
		if err := p.run(ctx, "go", append([]string{"tool"}, args...)...); err != nil {
			return err
		}
	}
	text, err = p.output(ctx, "go", "tool", "cover", "-func="+coverageProfile)
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(text, "\ntotal:")
	var total float64
	if _, err := fmt.Sscanf(after, " (statements) %f%%", &total); err != nil {
		return fmt.Errorf("read how much is covered in all: %w", err)
	}
	p.say("%.1f %% in all: %s", total, coverageHTML)
	if total < CoverageThreshold {
		return fmt.Errorf("measure coverage: %.1f %% is below the threshold of %.1f %%; see %s",
			total, CoverageThreshold, coverageHTML)
	}
	return nil
}
