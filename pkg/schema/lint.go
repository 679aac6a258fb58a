package schema

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// refusal is why a changelog must not run although Liquibase would run it; nil if it may.
func refusal(c *Changelog, r *Reading) *Error {
	for _, s := range r.Changesets {
		if s.Misread {
			return &Error{
				Kind: Refused, File: c.Display(s.Source),
				Cause: "Liquibase takes it for one script, and its changesets, rollbacks and contexts are lost: " +
					`"--liquibase formatted sql" must be its first line`,
			}
		}
	}
	return nil
}

// warnings are what someone should look at in a changelog, one line each.
func warnings(c *Changelog, r *Reading) []string {
	var lines []string
	say := func(s Changeset, line int, format string, args ...any) {
		at := c.Display(s.Source)
		if line > 0 {
			at += ":" + strconv.Itoa(line)
		}
		lines = append(lines, at+": "+fmt.Sprintf(format, args...))
	}
	final := map[string]int{}
	undeclared := map[string][]string{}
	for _, s := range r.Changesets {
		if s.PassOver {
			say(s, s.Line, "changeset %s has failOnError:false: when it fails it is tried again on every update", s)
		}
		if s.Final {
			final[s.Source]++
		}
		undeclared[s.Source] = append(undeclared[s.Source], strings.Fields(s.Undeclared)...)
	}
	for _, s := range firstOfEach(r.Changesets) {
		if n := final[s.Source]; n > 0 {
			say(s, 0, "%d of its changesets cannot be rolled back: add a --rollback to each", n)
		}
		if names := undeclared[s.Source]; len(names) > 0 {
			slices.Sort(names)
			say(s, 0,
				"${%s} is declared nowhere and stays as it is written; environment variables and Java properties are not offered "+
					"to changelogs",
				strings.Join(slices.Compact(names), "}, ${"))
		}
	}
	return append(lines, order(c, r)...)
}

// firstOfEach are the first changesets of each file.
func firstOfEach(sets []Changeset) []Changeset {
	var list []Changeset
	for _, s := range sets {
		if s.Source != "" && !slices.ContainsFunc(list, func(o Changeset) bool { return o.Source == s.Source }) {
			list = append(list, s)
		}
	}
	return list
}

// order warns of a directory whose files run in the order of their bytes, which is not the one that their
// numbers suggest to people.
func order(c *Changelog, r *Reading) []string {
	var lines []string
	files := map[string][]string{} // by directory
	for _, s := range firstOfEach(r.Changesets) {
		dir := path.Dir(s.Source)
		files[dir] = append(files[dir], path.Base(s.Source))
	}
	for _, s := range firstOfEach(r.Changesets) {
		dir := path.Dir(s.Source)
		byNumber := func(a, b string) int { return strings.Compare(natural(a), natural(b)) }
		if names := files[dir]; slices.IsSorted(names) && !slices.IsSortedFunc(names, byNumber) {
			lines = append(lines,
				fmt.Sprintf("%s: the files run in the order of their bytes, which is not that of their numbers: %s; pad the "+
					"numbers (001, 002 …)",
					c.Display(dir), strings.Join(names, ", ")))
		}
		delete(files, dir)
	}
	return lines
}

// natural is a name as people order it: its numbers have all one length, and what is behind its dot does not count.
func natural(name string) string {
	return regexp.MustCompile(`\d+`).ReplaceAllStringFunc(strings.TrimSuffix(name, path.Ext(name)), func(n string) string {
		const most = 20
		n = strings.TrimLeft(n, "0")
		return strings.Repeat("0", max(most-len(n), 0)) + n
	})
}

// expected are what an update is about to do that people may not expect, one line each.
func expected(s State) []string {
	lines := s.Remarks()
	for _, set := range s.Skipped() {
		lines = append(lines, fmt.Sprintf("not selected: changeset %s of %s (%s)", set, set.File, selection(set)))
	}
	for _, set := range s.Pending() {
		if set.Outside {
			lines = append(lines,
				fmt.Sprintf("changeset %s of %s runs outside a transaction: what runs before it is committed first, "+
					"and stays if a later one fails", set, set.File))
		}
	}
	return lines
}

// selection is what a changeset is selected by.
func selection(c Changeset) string {
	var parts []string
	if c.Context != "" {
		parts = append(parts, "context "+c.Context)
	}
	if c.Labels != "" {
		parts = append(parts, "labels "+c.Labels)
	}
	return strings.Join(parts, ", ")
}
