package quality

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
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

// JudgeCoverage merges what the layers measured, writes the HTML, and fails below the threshold.
func (p Project) JudgeCoverage(ctx context.Context) error {
	dirs := coverageDir + "/unit," + coverageDir + "/integration"
	if err := p.run(ctx, "go", "tool", "covdata", "textfmt", "-i="+dirs, "-o="+coverageProfile); err != nil {
		return err
	}
	if err := p.run(ctx, "go", "tool", "cover", "-html="+coverageProfile, "-o="+coverageHTML); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(p.Root, filepath.FromSlash(coverageProfile)))
	if err != nil {
		return fmt.Errorf("read coverage: %w", err)
	}
	defer func() { _ = f.Close() }()
	packages, err := readProfile(f)
	if err != nil {
		return err
	}
	return p.judge(packages)
}

// CoverageError is that the tests run too little of the code.
type CoverageError struct{ Percent float64 }

// Error gives both numbers and where to look.
func (e *CoverageError) Error() string {
	return fmt.Sprintf("measure coverage: %.1f %% is below the threshold of %.1f %%; see %s",
		e.Percent, CoverageThreshold, coverageHTML)
}

// judge prints the table and compares the total with the threshold.
func (p Project) judge(packages []covered) error {
	total := covered{Package: "total"}
	for _, c := range packages {
		total.Statements += c.Statements
		total.Run += c.Run
	}
	for _, c := range append(packages, total) {
		p.say("%6.1f %%  %5d of %5d statements  %s", c.percent(), c.Run, c.Statements, c.Package)
	}
	p.say("coverage: %s", coverageHTML)
	if total.percent() < CoverageThreshold {
		return &CoverageError{Percent: total.percent()}
	}
	return nil
}

// covered is how much of a package the tests run.
type covered struct {
	Package         string
	Statements, Run int
}

// percent is 0 for a package without statements.
func (c covered) percent() float64 {
	if c.Statements == 0 {
		return 0
	}
	return 100 * float64(c.Run) / float64(c.Statements)
}

// readProfile sums a coverage profile by package, in order of their paths. A block that is listed more than
// once counts once, and as run if one of them ran. Packages that exist for tests only are left out.
func readProfile(r io.Reader) ([]covered, error) {
	statements, ran := map[string]int{}, map[string]bool{}
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) == 2 && fields[0] == "mode:" {
			continue
		}
		if len(fields) != 3 {
			return nil, fmt.Errorf("read coverage line %q: want a block and two counts", scanner.Text())
		}
		n, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("read coverage line %q: %w", scanner.Text(), err)
		}
		statements[fields[0]] = n
		ran[fields[0]] = ran[fields[0]] || fields[2] != "0"
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	return byPackage(statements, ran), nil
}

// byPackage adds up blocks such as "module/pkg/x/file.go:1.2,3.4".
func byPackage(statements map[string]int, ran map[string]bool) []covered {
	sums := map[string]*covered{}
	for block, n := range statements {
		name := path.Dir(block[:strings.LastIndexByte(block, ':')+1])
		if strings.HasSuffix(name, "test") {
			continue
		}
		if sums[name] == nil {
			sums[name] = &covered{Package: name}
		}
		sums[name].Statements += n
		if ran[block] {
			sums[name].Run += n
		}
	}
	all := make([]covered, 0, len(sums))
	for _, c := range sums {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b covered) int { return cmp.Compare(a.Package, b.Package) })
	return all
}
