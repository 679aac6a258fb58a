package schema

import (
	"regexp"
	"strings"
)

// The directives of formatted SQL, as Liquibase's own parser reads them: any case, blanks after the dashes.
// Source: liquibase.parser.core.formattedsql.AbstractFormattedChangeLogParser, 4.28.
const (
	headerPattern    = `(?i)^\s*--\s*liquibase\s+formatted\s+sql(.*)$`
	changesetPattern = `(?i)^\s*--\s*changeset\s+("[^"]+"|[^:]+):\s*("[^"]+"|\S+)(.*)$`
	rollbackPattern  = `(?i)^\s*(--|/\*)\s*(liquibase\s+)?rollback\b`
	propertyPattern  = `(?i)^\s*--\s*property\s+.*?\bname:\s*(\S+)`
	directivePattern = `(?i)^\s*--\s*(rollback|comment:?|preconditions|precondition-[a-z-]+|validchecksum:?|ignorelines:?|property)\b`
	createPattern    = `(?is)^create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?(?:[a-z_0-9"]+\s*\.\s*)?"?([a-z_0-9$]+)"?`
	referencePattern = `\$\{([^}\s]+)\}`
)

// sql reads a file of formatted SQL.
func (p *parser) sql(file, content string) {
	content = strings.TrimPrefix(content, "\ufeff")
	lines := strings.Split(strings.ReplaceAll(content, "\r\n", "\n"), "\n")
	start, header := 0, regexp.MustCompile(headerPattern)
	for start < len(lines) && strings.TrimSpace(lines[start]) == "" {
		start++
	}
	if start == len(lines) {
		p.problem(Warn, file, 0, "the file is empty")
		return
	}
	head := header.FindStringSubmatch(lines[start])
	if head == nil {
		p.problem(Refuse, file, start+1, "the first line must be \"--liquibase formatted sql\": "+
			"without it Liquibase runs the whole file as one script, and its changesets, rollbacks and contexts are lost")
		return
	}
	p.sqlChangesets(file, attribute(head[1], "logicalFilePath"), lines, start+1)
}

// sqlChangesets cuts the lines from start on into changesets.
func (p *parser) sqlChangesets(file, logical string, lines []string, start int) {
	declaration, property := regexp.MustCompile(changesetPattern), regexp.MustCompile(propertyPattern)
	var current *Changeset
	var body []string
	end := func() {
		if current != nil {
			current.body = strings.Join(body, "\n")
			p.finish(current)
		}
		body = nil
	}
	for i := start; i < len(lines); i++ {
		if m := property.FindStringSubmatch(lines[i]); m != nil {
			p.changelog.Properties = append(p.changelog.Properties, unquote(m[1]))
		}
		m := declaration.FindStringSubmatch(lines[i])
		switch {
		case m != nil:
			end()
			c := declared(file, logical, m, i+1)
			current = &c
		case current != nil:
			body = append(body, lines[i])
		case strings.TrimSpace(lines[i]) != "" && !strings.HasPrefix(strings.TrimSpace(lines[i]), "--"):
			p.problem(Refuse, file, i+1, "there is SQL before the first \"--changeset author:id\"")
			return
		}
	}
	end()
	if len(p.changelog.Changesets) == 0 || p.changelog.Changesets[len(p.changelog.Changesets)-1].path != file {
		p.problem(Warn, file, 0, "there is no changeset in it")
	}
}

// declared is the changeset that a line declares.
func declared(file, logical string, match []string, line int) Changeset {
	rest := match[3]
	return Changeset{
		File: first(attribute(rest, "logicalFilePath"), logical, file), ID: unquote(match[2]), Author: unquote(strings.TrimSpace(match[1])),
		Context: first(attribute(rest, "contextFilter"), attribute(rest, "context")), Labels: attribute(rest, "labels"),
		RunAlways: attribute(rest, "runAlways") == "true", OutOfTransaction: attribute(rest, "runInTransaction") == "false",
		IgnoreFailure: attribute(rest, "failOnError") == "false", Line: line, path: file,
	}
}

// finish looks at what a changeset does.
func (p *parser) finish(c *Changeset) {
	rollback, create := regexp.MustCompile(rollbackPattern), regexp.MustCompile(createPattern)
	for line := range strings.Lines(c.body) {
		c.Rollback = c.Rollback || rollback.MatchString(line)
	}
	for _, s := range statements(c.body) {
		if m := create.FindStringSubmatch(s); m != nil {
			c.creates = append(c.creates, strings.ToLower(m[1]))
		}
		if word := control(s); word != "" && !c.OutOfTransaction {
			p.problem(Refuse, c.path, c.Line, "changeset %s ends the transaction itself (%s): all changesets of an update are one transaction, "+
				"and Poststack commits it; leave it out, or declare runInTransaction:false", c, word)
		}
	}
	p.changelog.Changesets = append(p.changelog.Changesets, *c)
}

// trailing reports whether comments follow the last statement of the changeset: they belong to it, and adding
// one changes its checksum.
func (c Changeset) trailing() bool {
	lines := strings.Split(strings.TrimSpace(c.body), "\n")
	directive := regexp.MustCompile(directivePattern)
	last := strings.TrimSpace(lines[len(lines)-1])
	return strings.HasPrefix(last, "--") && !directive.MatchString(last)
}

// attribute is the value of name:value in what follows a declaration, without its quotes.
func attribute(rest, name string) string {
	m := regexp.MustCompile(`(?i)(?:^|\s)` + name + `:\s*("[^"]*"|\S+)`).FindStringSubmatch(rest)
	if m == nil {
		return ""
	}
	return unquote(m[1])
}

func unquote(s string) string { return strings.Trim(s, `"`) }
