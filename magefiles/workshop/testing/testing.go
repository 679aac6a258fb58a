// Package testing holds the targets that run one layer of the tests each. They stand apart from the others
// because mage cannot have a target "test" and a namespace "test" in one package.
package testing

import (
	"context"

	"github.com/poststack/poststack/magefiles/quality"
)

// Unit runs the tests that need no engine. Example: mage test:unit
func Unit(ctx context.Context) error { return quality.Do(ctx, quality.Project.Unit) }

// Race runs the unit tests under the race detector, where a C compiler allows it. Example: mage test:race
func Race(ctx context.Context) error { return quality.Do(ctx, quality.Project.Race) }

// Browser looks at the report in headless Chromium or Chrome: wide and on a phone, light and dark, and at a trace.
// Where there is none, root on a machine with apt gets Debian's. It keeps pictures in logs/browser. Example: mage
// test:browser
func Browser(ctx context.Context) error { return quality.Do(ctx, quality.Project.Browser) }

// Integration runs the tests of single parts against a real engine, and those of the images' shell scripts.
// POSTSTACK_TEST_ENGINES=podman,docker names the engines; by default it is the detected one. Example: mage
// test:integration
func Integration(ctx context.Context) error { return quality.Do(ctx, quality.Project.Integration) }

// E2e runs the targets themselves in a scratch copy, as a user would, on a real engine.
// POSTSTACK_TEST_ENGINES names the engines. Example: mage test:e2e
func E2e(ctx context.Context) error { return quality.Do(ctx, quality.Project.E2E) }

// Performance compares warm runs with cold ones on a real engine. It asserts ratios within one run and never
// seconds. Example: mage test:performance
func Performance(ctx context.Context) error { return quality.Do(ctx, quality.Project.Performance) }

// Faults breaks what a stack with services runs on, at moments of chance, and counts. It prints a table: fault, engine,
// tries, what was lost, what was left over, what went on without help, and fails where that is not all. -seed=N has the
// moments of another run, -rows=PATTERN only some faults, -long many more tries; -write keeps the table in
// docs/reliability.md. Without these two, rows are begun for five minutes on each engine. POSTSTACK_TEST_ENGINES names
// the engines. Example: mage test:faults -seed=7 -rows=SIGKILL
func Faults(ctx context.Context, seed *int, rows *string, long, write *bool) error {
	return quality.Do(ctx, func(p quality.Project, ctx context.Context) error {
		return p.Faults(ctx, quality.FaultOptions{
			Seed: quality.OrZero(seed), Rows: quality.OrZero(rows), Long: quality.OrZero(long), Write: quality.OrZero(write),
		})
	})
}
