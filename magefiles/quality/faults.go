package quality

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// FaultOptions say which faults are tried.
type FaultOptions struct {
	Seed  int    // what their chance begins with; 0 is a new one
	Rows  string // a pattern for the names of faults; "" is all
	Long  bool   // many tries of each
	Write bool   // keep the table in docs/reliability.md; without this or Long, rows are begun for five minutes an engine
}

// Faults tries what can go wrong while a stack serves, on each engine under test, and prints a table of what was lost,
// what was left over, and what went on without help. Anything lost, left over or helped fails it.
func (p Project) Faults(ctx context.Context, o FaultOptions) error {
	if _, err := regexp.Compile(o.Rows); err != nil || o.Seed < 0 {
		const needed = "try faults -seed=%d -rows=%q: a positive number and a regular expression are needed"
		return &OptionError{fmt.Sprintf(needed, o.Seed, o.Rows)}
	}
	if o.Write && o.Rows != "" {
		return &OptionError{"try faults -write -rows: only a complete table is kept; leave one of the two out"}
	}
	if o.Seed == 0 {
		o.Seed = int(time.Now().UnixNano() % 1e6)
	}
	dir, err := os.MkdirTemp("", "poststack-faults-")
	if err != nil {
		return fmt.Errorf("make a directory for the table: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	table := filepath.Join(dir, "table")
	p.say("   the same again: mage test:faults -seed=%d", o.Seed)
	failed := p.test(ctx, layer{
		name: "faults", packages: []string{"./tests/faults/..."}, listed: true, apart: true,
		flags: append(engineFlags(1, 3*time.Hour), "-run=^TestFaults$/./("+o.Rows+")"),
		env: []string{
			fmt.Sprintf("POSTSTACK_TEST_SEED=%d", o.Seed), "POSTSTACK_FAULTS_LONG=" + flagText(o.Long),
			"POSTSTACK_FAULTS_ALL=" + flagText(o.Long || o.Write),
			"POSTSTACK_FAULTS_TABLE=" + table,
		},
	})
	text, err := os.ReadFile(table)
	if err != nil {
		return errors.Join(failed, err)
	}
	p.say("\n%s", strings.TrimSpace(string(text)))
	if failed != nil || !o.Write {
		return failed
	}
	return p.keepTable(string(text))
}

// faultsDocument has the table, between two comments.
const faultsDocument = "docs/reliability.md"

// keepTable puts the table into the document.
func (p Project) keepTable(table string) error {
	path := filepath.Join(p.Root, filepath.FromSlash(faultsDocument))
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("keep the table: %w", err)
	}
	before, rest, begins := strings.Cut(string(text), faultsBegin)
	_, after, ends := strings.Cut(rest, faultsEnd)
	if !begins || !ends {
		return fmt.Errorf("keep the table in %s: it has no place between %q and %q", faultsDocument, faultsBegin, faultsEnd)
	}
	p.say("wrote %s", faultsDocument)
	return os.WriteFile(path, []byte(before+faultsBegin+"\n"+strings.TrimSpace(table)+"\n"+faultsEnd+after), 0o644)
}

// What stands around the table.
const (
	faultsBegin = "<!-- mage test:faults -write -->"
	faultsEnd   = "<!-- end of the table -->"
)
