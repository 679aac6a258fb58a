package quality

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// criteriaDocuments are the documents that say which test shows what.
func criteriaDocuments() []string { return []string{"docs/phases.md", "docs/cases.md"} }

// States of a criterion.
const (
	stateMet        = "met"             // a test shows it
	stateOtherwise  = "met another way" // what was asked for is there in another form, which is described
	stateNotApplied = "not applied"     // left out, for a reason that is given
	stateOpen       = "open"            // not there yet, or not shown: what is missing is told
)

// Criterion is one line of a table of docs/phases.md or docs/cases.md: what is asked for, how it is met, and the
// tests that show it.
type Criterion struct {
	Document string // "docs/phases.md"
	Line     int
	Asked    string
	How      string
	Tests    []NamedTest
	State    string
}

// NamedTest is a test as the documents name it: `tests/e2e TestSetup/down keeps the data`. The engine under which
// it runs is no part of its name.
type NamedTest struct {
	Package string // relative to the root
	Name    string
}

// String is the name as the documents have it.
func (n NamedTest) String() string { return n.Package + " " + n.Name }

// key is the name as go test has it, without the engine.
func (n NamedTest) key() string {
	return n.Package + " " + strings.Join(strings.FieldsFunc(n.Name, func(r rune) bool { return r == ' ' }), "_")
}

// Criteria reads the tables of the documents below root. A line that says too little is an error that names it.
func Criteria(root string) ([]Criterion, error) {
	var all []Criterion
	var problems []error
	for _, document := range criteriaDocuments() {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(document)))
		if err != nil {
			return nil, fmt.Errorf("read criteria: %w", err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			cells := tableCells(line)
			switch {
			case cells == nil || strings.Trim(line, "|- ") == "" || slices.Contains(cells, "State"):
				continue
			case len(cells) != 4:
				problems = append(problems, fmt.Errorf("%s:%d: the line has %d cells, want 4", document, i+1, len(cells)))
				continue
			}
			c := Criterion{Document: document, Line: i + 1, Asked: cells[0], How: cells[1], Tests: namedTests(cells[2]), State: cells[3]}
			problems = append(problems, c.check())
			all = append(all, c)
		}
	}
	return all, errors.Join(problems...)
}

// tableCells splits a line of a table, and gives nil for every other line.
func tableCells(line string) []string {
	inner, ok := strings.CutPrefix(line, "|")
	if !ok {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(inner, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// namedTests reads the code spans of a cell.
func namedTests(cell string) []NamedTest {
	var tests []NamedTest
	for _, m := range regexp.MustCompile("`([^ `]+) ([^`]+)`").FindAllStringSubmatch(cell, -1) {
		tests = append(tests, NamedTest{Package: m[1], Name: m[2]})
	}
	return tests
}

// check tells a line that leaves open whether and how it is met.
func (c Criterion) check() error {
	switch {
	case !slices.Contains([]string{stateMet, stateOtherwise, stateNotApplied, stateOpen}, c.State):
		return c.wrong("its state is %q", c.State)
	case c.How == "":
		return c.wrong("it does not say how it is met")
	case c.State == stateMet && len(c.Tests) == 0:
		return c.wrong("it is called met and names no test")
	}
	return nil
}

func (c Criterion) wrong(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %q: %s", c.Document, c.Line, c.Asked, fmt.Sprintf(format, args...))
}

// CriteriaError is that tests which the documents name did not run, or did not pass.
type CriteriaError struct {
	Missing []string // the criteria, each with its place and its test
}

// Error counts them: each has been named on the output.
func (e *CriteriaError) Error() string {
	return fmt.Sprintf("compare criteria with the tests that passed: %d without their test", len(e.Missing))
}

// judgeCriteria fails unless every test that the documents name passed in one of the layers, as far as it is
// theirs. It goes by what those layers left on disk.
func (p Project) judgeCriteria(layers ...string) error {
	criteria, err := Criteria(p.Root)
	if err != nil {
		return err
	}
	passed := map[string]bool{}
	for _, layer := range layers {
		text, err := os.ReadFile(p.passedFile(layer))
		if err != nil {
			return fmt.Errorf("read the tests that passed: %w", err)
		}
		for _, line := range lines(string(text)) {
			passed[line] = true
		}
	}
	missing := &CriteriaError{}
	tests := 0
	for _, c := range criteria {
		for _, test := range c.Tests {
			if slices.Contains(layers, "performance") != strings.HasPrefix(test.Package, "tests/bench") {
				continue
			}
			tests++
			if !passed[test.key()] {
				missing.Missing = append(missing.Missing, c.wrong("%q did not pass, or did not run", test).Error())
			}
		}
	}
	for _, line := range missing.Missing {
		p.say("%s", line)
	}
	if len(missing.Missing) > 0 {
		return missing
	}
	p.say("   %d criteria, shown by %d tests that passed", len(criteria), tests)
	return nil
}

// passedFile is where a layer leaves the names of the tests that passed.
func (p Project) passedFile(layer string) string {
	return filepath.Join(p.Root, "logs", "tests", layer+".txt")
}

// recordPassed writes the names of the tests of a layer that passed, one in a line, without the engine.
func (p Project) recordPassed(layer string, passed []testID) error {
	inModule := regexp.MustCompile(`^.*?/((pkg|magefiles|tests)/)`)
	names := make([]string, 0, len(passed))
	for _, id := range passed {
		parts := slices.DeleteFunc(strings.Split(id.test, "/"), func(s string) bool { return s == "podman" || s == "docker" })
		names = append(names, inModule.ReplaceAllString(id.pkg, "$1")+" "+strings.Join(parts, "/"))
	}
	slices.Sort(names)
	path := p.passedFile(layer)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory for test names: %w", err)
	}
	text := strings.Join(slices.Compact(names), "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write names of tests: %w", err)
	}
	return nil
}
