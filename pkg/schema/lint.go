package schema

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Severity tells what a [Problem] means for an update.
type Severity string

// The severities.
const (
	Refuse Severity = "refuse" // nothing runs
	Warn   Severity = "warn"   // it runs; someone should look at it
)

// Problem is something that was found in a changelog before anything runs.
type Problem struct {
	Severity Severity
	File     string // relative to the changelog's directory
	Line     int    // 0 if it is about the whole file
	Text     string
}

// Problems are what was found, in the order of the files.
func (c *Changelog) Problems() []Problem { return slices.Clone(c.problems) }

// refusal is the first problem that keeps an update from running, as an error; nil if there is none.
func (c *Changelog) refusal(op Operation) error {
	for _, p := range c.problems {
		if p.Severity == Refuse {
			return &Error{Op: op, File: c.Display(p.File), Line: p.Line, Kind: Refused, Cause: p.Text}
		}
	}
	return nil
}

// Warnings are the other problems, one line each.
func (c *Changelog) Warnings() []string {
	var lines []string
	for _, p := range c.problems {
		if p.Severity != Warn {
			continue
		}
		at := c.Display(p.File)
		if p.Line > 0 {
			at += ":" + strconv.Itoa(p.Line)
		}
		lines = append(lines, at+": "+p.Text)
	}
	return lines
}

// lint looks at the changelog as a whole.
func (c *Changelog) lint() {
	p := &parser{changelog: c}
	lines := map[key]Changeset{}
	missing := map[string]int{}
	for _, s := range c.Changesets {
		if before, twice := lines[s.key()]; twice {
			p.problem(Refuse, s.path, s.Line, "changeset %s stands in line %d already", s, before.Line)
		}
		lines[s.key()] = s
		if !s.Rollback {
			missing[s.path]++
		}
		if s.IgnoreFailure {
			p.problem(Warn, s.path, s.Line, "changeset %s has failOnError:false: when it fails it is tried again on every update", s)
		}
	}
	for _, f := range c.Files {
		if n := missing[f.Path]; n > 0 {
			p.problem(Warn, f.Path, 0, "%d of its changesets cannot be rolled back: add a --rollback to each", n)
		}
		p.references(f)
	}
}

// references warns of ${…} that nothing declares. Liquibase would offer every environment variable and Java
// property; its image offers none, so that these stay as they are written, on every machine.
func (p *parser) references(f File) {
	if !slices.Contains([]string{".sql", ".yaml", ".yml", ".json", ".xml"}, path.Ext(f.Path)) {
		return
	}
	var names []string
	for _, m := range regexp.MustCompile(referencePattern).FindAllStringSubmatch(string(f.Content), -1) {
		name := m[1]
		known := strings.HasPrefix(name, "database.") || strings.HasPrefix(name, ":") || slices.Contains(p.changelog.Properties, name)
		if !known && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		p.problem(Warn, f.Path, 0, "${%s} is declared nowhere and stays as it is written; environment variables and Java properties are not offered to changelogs",
			strings.Join(names, "}, ${"))
	}
}

// natural compares paths as people read them: numbers by their value, and a name before the same name with
// more behind it.
func natural(a, b string) int {
	split := regexp.MustCompile(`\d+|\D+`)
	left := split.FindAllString(strings.TrimSuffix(a, path.Ext(a)), -1)
	right := split.FindAllString(strings.TrimSuffix(b, path.Ext(b)), -1)
	for i := range min(len(left), len(right)) {
		x, errX := strconv.ParseUint(left[i], 10, 64)
		y, errY := strconv.ParseUint(right[i], 10, 64)
		if errX == nil && errY == nil && x != y {
			return cmp.Compare(x, y)
		}
		if c := strings.Compare(left[i], right[i]); c != 0 && (errX != nil || errY != nil) {
			return c
		}
	}
	return cmp.Compare(len(left), len(right))
}

// String is "file:line: text".
func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }
