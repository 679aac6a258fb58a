package present

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/secret"
)

// command is a workflow command of GitHub Actions in one line, with its line end.
func command(name, title string, at event.Place, text string) string {
	var properties []string
	add := func(key, value string) {
		if value != "" {
			properties = append(properties, key+"="+property(value))
		}
	}
	add("file", at.File)
	if at.File != "" && at.Line > 0 {
		add("line", strconv.Itoa(at.Line))
	}
	add("title", title)
	if len(properties) > 0 {
		name += " " + strings.Join(properties, ",")
	}
	return "::" + name + "::" + data(text) + "\n"
}

// data escapes the text of a command. Source: escapeData in actions/toolkit, packages/core/src/command.ts.
func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(bare(text))
}

// property escapes a property of a command. Source: escapeProperty, as above.
func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(text))
}

// harmless is text of others, such as a build's output, that the runner of GitHub Actions takes for nothing but
// text. The runner looks for "::" where a line begins, behind any space, and for "##[" anywhere in it
// (actions/runner, src/Runner.Common/ActionCommand.cs, TryParseV2 and TryParse): a space goes between. The other
// way that GitHub documents, stop-commands, would mute our own commands too if this process were killed before
// it can end that, and would get into $(mage db:url).
func harmless(text string) string {
	lines := strings.Split(bare(text), "\n")
	for i, line := range lines {
		line = strings.ReplaceAll(line, "##[", "# #[")
		if rest := strings.TrimLeftFunc(line, unicode.IsSpace); strings.HasPrefix(rest, "::") {
			line = line[:len(line)-len(rest)] + ": " + rest[1:]
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// bare is text without escape sequences and other characters that do not show: the runner compares texts as the
// culture does, which passes over those. Every kind of line end is a line feed afterwards.
func bare(text string) string {
	text = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b.`).ReplaceAllString(text, "") // ECMA-48
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Map(func(r rune) rune {
		hidden := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point,
			unicode.Variation_Selector)
		if hidden && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// appendSummary writes the run to a file that GitHub Actions shows on the run's page. Steps share the file.
func appendSummary(path string, d Document, reports []event.Report, secrets *secret.Set) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write step summary: %w", err)
	}
	d.Error = secrets.Redact(d.Error)
	_, err = f.WriteString(summary(d, withoutSecrets(reports, secrets)))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write step summary: %w", err)
	}
	return nil
}

// withoutSecrets are reports as others may see them: what the user asked for may be a URL with its password.
func withoutSecrets(reports []event.Report, secrets *secret.Set) []event.Report {
	clean := make([]event.Report, 0, len(reports))
	for _, r := range reports {
		out := event.Report{Text: secrets.Redact(r.Text), Header: r.Header}
		for _, cells := range r.Rows {
			cells = slices.Clone(cells)
			for i, cell := range cells {
				cells[i] = secrets.Redact(cell)
			}
			out.Rows = append(out.Rows, cells)
		}
		clean = append(clean, out)
	}
	return clean
}

// summary is the run in Markdown: how it ended, its phases, what was asked for, and what went wrong.
func summary(d Document, reports []event.Report) string {
	var b strings.Builder
	mark := cmp.Or(map[event.Outcome]string{event.Failed: "❌", event.Cancelled: "⚠️"}[d.Outcome], "✅")
	fmt.Fprintf(&b, "### %s %s: %s in %s\n\n", mark, markdown(d.Target), d.Outcome, Duration(seconds(d.Seconds)))
	if len(d.Phases) > 0 {
		rows := make([][]string, 0, len(d.Phases))
		for _, p := range d.Phases {
			rows = append(rows, []string{p.Name, string(p.Outcome), Duration(seconds(p.Seconds)), p.Text})
		}
		b.WriteString(markdownTable([]string{"phase", "result", "time", "what"}, rows) + "\n\n")
	}
	for _, report := range reports {
		if report.Text != "" {
			b.WriteString(preformatted(strings.Split(report.Text, "\n")))
		}
		if len(report.Rows) > 0 {
			b.WriteString(markdownTable(report.Header, report.Rows) + "\n\n")
		}
	}
	for _, m := range d.Messages {
		if m.Kind == event.Warning {
			fmt.Fprintf(&b, "- warning: %s\n", markdown(strings.TrimSpace(m.Phase+" "+m.Text)))
		}
	}
	if d.Error != "" {
		fmt.Fprintf(&b, "\n**Exit status %d**: %s\n\n", d.ExitStatus, markdown(d.Error))
	}
	for _, p := range d.Phases {
		if len(p.Detail) > 0 {
			b.WriteString(preformatted(p.Detail))
		}
	}
	return b.String() + "\n"
}

// markdownTable is a table in Markdown.
func markdownTable(header []string, rows [][]string) string {
	t := table.NewWriter()
	t.AppendHeader(row(header))
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = markdown(cell)
		}
		t.AppendRow(row(cells))
	}
	return t.RenderMarkdown()
}

// preformatted shows lines as they are.
func preformatted(lines []string) string {
	return "<pre>" + html.EscapeString(bare(strings.Join(lines, "\n"))) + "</pre>\n\n"
}

// markdown is text of which Markdown and HTML make nothing else, in one line. The bar is the table's business.
func markdown(text string) string {
	text = html.EscapeString(strings.ReplaceAll(bare(text), "\n", " "))
	for _, special := range []string{`\`, "`", "*", "_", "[", "]", "~", "!"} {
		text = strings.ReplaceAll(text, special, `\`+special)
	}
	return text
}

// seconds is a number of seconds as a duration.
func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
