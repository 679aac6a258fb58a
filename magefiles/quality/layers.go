package quality

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/runner"
)

// layer is a kind of tests and how go test runs it.
type layer struct {
	name     string
	packages []string
	flags    []string
	listed   bool // name each test as it ends: they are few and slow
	apart    bool // a subtest that fails can be run again without those beside it
	env      []string
}

// engineFlags are those of the layers that need an engine: never from the cache, since the engine's state is
// no input that go knows, and few packages at a time, since they share the engine and the machine.
func engineFlags(packages int, timeout time.Duration) []string {
	return []string{"-count=1", "-vet=off", fmt.Sprintf("-p=%d", packages), "-timeout=" + timeout.String()}
}

// again has a few tests that fail run once more, each whole unless they stand apart: in CI nobody is there to tell a
// stall of the machine from a fault. What holds only then is named at the end.
func (l layer) again() []string {
	flags := []string{"--rerun-fails=1", "--rerun-fails-max-failures=6", "--rerun-fails-run-root-test"}
	if l.apart {
		flags = []string{"--rerun-fails=1", "--rerun-fails-max-failures=10"} // each counts with the tests around it
	}
	return append(flags, "--packages="+strings.Join(l.packages, " "), "--")
}

// Unit runs the tests that need no engine.
func (p Project) Unit(ctx context.Context) error { return p.test(ctx, unit()) }

// unit is vetted by lint.
func unit() layer {
	return layer{
		name: "unit", packages: []string{"./pkg/...", "./magefiles/...", "./tests/bench"},
		flags: []string{"-short", "-vet=off", "-timeout=5m"},
	}
}

// Race runs the unit tests under the race detector. That takes several times as long, and compiles all that is linked
// anew.
func (p Project) Race(ctx context.Context) error {
	l, err := p.race(ctx)
	if err != nil {
		return err
	}
	return p.test(ctx, l)
}

func (p Project) race(ctx context.Context) (layer, error) {
	cgo, err := p.output(ctx, "go", "env", "CGO_ENABLED")
	if err != nil {
		return layer{}, err
	}
	l := unit()
	l.name = "race"
	if strings.TrimSpace(cgo) == "1" {
		l.flags = append(l.flags, "-race")
	} else {
		p.say("   without the race detector, which needs a C compiler")
	}
	return l, nil
}

// Integration runs the tests of single parts against an engine, those in tests/integration and of the packages of pkg/
// that have some, and beside them those that run the shell scripts of the images without one.
func (p Project) Integration(ctx context.Context) error {
	l, err := p.integration(ctx)
	if err != nil {
		return err
	}
	return p.test(ctx, l)
}

func (p Project) integration(ctx context.Context) (layer, error) {
	// The contract of pkg/engine, one container after the other, leaves half of the machine to another package. More tests
	// run side by side than there are processors: each waits for the engine and for servers a third of its time.
	l := layer{name: "integration", flags: engineFlags(2, 45*time.Minute), listed: true}
	l.flags = append(l.flags, fmt.Sprintf("-parallel=%d", 2*runtime.GOMAXPROCS(0)))
	text, err := p.output(ctx, "go", "list", "-f", "{{.ImportPath}} {{.Dir}}", "./pkg/...")
	if err != nil {
		return layer{}, err
	}
	for _, line := range lines(text) {
		name, dir, _ := strings.Cut(line, " ")
		uses, err := usesEngine(dir)
		if err != nil {
			return layer{}, err
		}
		if uses {
			l.packages = append(l.packages, name)
		}
	}
	if p.Getenv("POSTSTACK_TEST_PART") != "engine" {
		l.packages = append(l.packages, "./tests/shell/...")
	}
	l.packages = append(l.packages, "./tests/integration/...")
	return l, nil
}

// usesEngine tells whether tests in dir use a real engine: those with the fake one are unit tests.
func usesEngine(dir string) (bool, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return false, fmt.Errorf("find tests in %q: %w", dir, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return false, fmt.Errorf("read test: %w", err)
		}
		if realEngine.Match(text) {
			return true, nil
		}
	}
	return false, nil
}

// realEngine is how a test comes to one.
var realEngine = regexp.MustCompile(`\benginetest\.(?:Main|ForEach|Kinds|Open)\(`)

// E2E runs the targets in a scratch copy of the checkout, on an engine.
func (p Project) E2E(ctx context.Context) error {
	flags := engineFlags(1, 45*time.Minute)
	return p.test(ctx, layer{name: "e2e", packages: []string{"./tests/e2e/..."}, flags: flags, listed: true})
}

// Performance compares warm runs with cold ones, on an engine.
func (p Project) Performance(ctx context.Context) error {
	flags := engineFlags(1, 45*time.Minute)
	return p.test(ctx, layer{name: "performance", packages: []string{"./tests/bench/..."}, flags: flags, listed: true})
}

// ErrNoTests is that a layer ran no test at all: a mistake in the layer, not a success.
var ErrNoTests = errors.New("no test ran")

// test runs one layer, shows failures as they happen and ends with the counts.
func (p Project) test(ctx context.Context, l layer, more ...string) error {
	p.say("== %s", l.name)
	show := []string{"--format=pkgname-and-test-fails", "--hide-summary=skipped"}
	if l.listed {
		show = []string{"--format=testname"}
	}
	tool := []string{"tool", "-modfile=tools/gotestsum/go.mod", "gotestsum", "--format-hide-empty-pkg"}
	what := slices.Concat([]string{"--"}, l.flags, l.packages, more)
	if p.Getenv("CI") == "true" && len(more) == 0 {
		what = slices.Concat(l.again(), l.flags)
	}
	start := time.Now()
	res, err := p.Runner.Run(ctx, runner.Command{
		Program: "go", Args: slices.Concat(tool, show, what),
		Dir: p.Root, Stdout: p.Stdout, Stderr: p.Stderr,
		// The tests make databases of their own: the one that the caller works with is none of their business.
		Env: append([]string{"DATABASE_URL="}, l.env...),
		// A test binary that cleans up after itself must have the time to.
		Grace: 30 * time.Second,
	})
	took := time.Since(start).Round(100 * time.Millisecond)
	ended, ok := countsOf(res.Stdout)
	if err == nil {
		ended.hold()
	}
	var summaryErr error
	if ok {
		p.say("%s tests: %s in %s", l.name, ended, took)
		if len(ended.Again) > 0 {
			p.say("%s tests: held only when they were run again: %s", l.name, strings.Join(ended.Again, ", "))
		}
		summaryErr = p.summarise(fmt.Sprintf("- **%s tests**: %s in %s\n", l.name, ended, took))
	}
	switch {
	case err != nil && ended.Failed > 0:
		return fmt.Errorf("run %s tests: %d failed", l.name, ended.Failed)
	case err != nil:
		return fmt.Errorf("run %s tests: %w", l.name, brief(res, err))
	case ended.Passed+ended.Skipped == 0:
		return ErrNoTests
	}
	return summaryErr
}

// summarise adds a line to the step summary of GitHub Actions, when there is one.
func (p Project) summarise(line string) error {
	path := p.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open step summary: %w", err)
	}
	_, err = f.WriteString(line)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write step summary: %w", err)
	}
	return nil
}
