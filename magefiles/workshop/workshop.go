// Package workshop holds the mage targets that look after the code. The compiled program has none of them.
package workshop

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/magefiles/quality"
	"github.com/poststack/poststack/magefiles/workshop/testing"
)

// Lint checks the Go code, shell scripts, Dockerfiles, workflows, modules and generated documents. It
// changes nothing, and tells of everything it finds before it fails. Example: mage lint
func Lint(ctx context.Context) error { return quality.Do(ctx, quality.Project.Lint) }

// Format rewrites Go files and shell scripts in the layout that lint accepts. Example: mage format
func Format(ctx context.Context) error { return quality.Do(ctx, quality.Project.Format) }

// Test runs the unit, browser, integration and end-to-end tests for the detected engine. It stops after the first of
// these that fails. POSTSTACK_TEST_ENGINES=podman,docker names other engines. Example: mage test
func Test(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, testing.Unit, testing.Browser, testing.Integration, testing.E2e)
	return nil
}

// Coverage measures how much of pkg/ the unit and integration tests run, and writes coverage/index.html. It
// fails below the threshold. Example: mage coverage
func Coverage(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, coverUnit, coverIntegration, judgeCoverage)
	return nil
}

func coverUnit(ctx context.Context) error { return quality.Do(ctx, quality.Project.CoverUnit) }

func coverIntegration(ctx context.Context) error {
	return quality.Do(ctx, quality.Project.CoverIntegration)
}

func judgeCoverage(ctx context.Context) error { return quality.Do(ctx, quality.Project.JudgeCoverage) }

// Bench measures Poststack against docker compose, the official image and stock Liquibase, by turns, and draws
// logs/bench.svg. -rounds=N (6), -rows=PATTERN, -peers also fetches and builds what is missing of them, -curves also
// measures how the cost grows with the work, -check fails on a ratio worse than the kept one, -keep keeps the result
// in docs/benchmarks and docs/performance.md. POSTSTACK_TEST_ENGINES names the engines. Example: mage bench
// -rows=setup -peers
func Bench(ctx context.Context, rounds *int, rows *string, peers, curves, check, keep *bool) error {
	return quality.Do(ctx, func(p quality.Project, ctx context.Context) error {
		return p.Bench(ctx, quality.BenchOptions{
			Rounds: quality.OrZero(rounds), Rows: quality.OrZero(rows),
			Peers: quality.OrZero(peers), Curves: quality.OrZero(curves), Check: quality.OrZero(check),
			Keep: quality.OrZero(keep),
		})
	})
}

// Check runs lint, then the tests, measuring coverage on the way: what a change has to pass. It stops after the first
// that fails. Example: mage check
func Check(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, Lint, coverUnit, testing.Browser, coverIntegration, testing.E2e, judgeCoverage)
	return nil
}

// Docs writes docs/targets.md and docs/configuration.md from the code, and the kept measurements into
// docs/performance.md. With them it lists the targets and their flags in magefiles/targets/lines.txt, by which a
// command line is checked. Example: mage docs
func Docs(ctx context.Context) error { return quality.Do(ctx, quality.Project.Docs) }

// Hooks looks after the git hooks of this clone.
type Hooks mg.Namespace

// Install makes git format and lint what is staged before each commit. It leaves a hook of someone else
// alone and says so. Example: mage hooks:install
func (Hooks) Install(ctx context.Context) error { return quality.Do(ctx, quality.Project.InstallHook) }

// PreCommit formats and lints what is staged: the hook runs it. Example: mage hooks:preCommit
func (Hooks) PreCommit(ctx context.Context) error { return quality.Do(ctx, quality.Project.PreCommit) }
