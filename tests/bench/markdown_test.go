package bench_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Markdown is r for a document: where it was measured, the rows of each engine, the curves, and what the images
// are made of.
func (r Result) Markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "Measured on %s, %s, %d processors (%s), load %.2f before, with %s; %s of each row, revision %s.\n",
		r.Started.UTC().Format("2006-01-02"), r.Machine.System, r.Machine.Processors, r.Machine.Model, r.Machine.Load,
		strings.Join(r.Machine.Engines, " and "), plural(r.Rounds, "round"), r.Revision)
	for _, engine := range r.engines() {
		fmt.Fprintf(&text, "\n### On %s\n\n", engine)
		lines := slices.DeleteFunc(r.Table(), func(line []string) bool { return line[1] != engine })
		for i, line := range lines {
			lines[i] = slices.Delete(line, 1, 2)
		}
		markdownTable(&text, slices.Delete(Header(), 1, 2), lines)
	}
	if notes := r.Notes(); len(notes) > 0 {
		text.WriteString("\n")
		for _, note := range notes {
			text.WriteString("- " + cell(note) + "\n")
		}
	}
	if len(r.Curves) > 0 {
		text.WriteString("\n### As work grows\n\n![The same as a picture](benchmarks/curves.svg)\n\n")
		markdownTable(&text, CurveHeader(), r.CurveTable())
	}
	r.contents(&text)
	return text.String()
}

// contents writes a table for each image.
func (r Result) contents(text *strings.Builder) {
	for _, c := range r.Contents {
		fmt.Fprintf(text, "\n### What %s is made of\n\n", c.Image)
		var lines [][]string
		for _, p := range c.Parts {
			share := fmt.Sprintf("%.0f %%", 100*float64(p.Bytes)/float64(c.Bytes))
			lines = append(lines, []string{p.Name, megabytes(p.Bytes), share})
		}
		lines = append(lines, []string{"**all of it**", megabytes(c.Bytes), ""})
		markdownTable(text, []string{"part", "MB", "share"}, lines)
	}
}

// engines are those that r has rows of, in order.
func (r Result) engines() []string {
	var names []string
	for _, m := range r.Rows {
		if !slices.Contains(names, m.Engine) {
			names = append(names, m.Engine)
		}
	}
	return names
}

// markdownTable writes a table of Markdown.
func markdownTable(text *strings.Builder, header []string, lines [][]string) {
	rows := append([][]string{header, slices.Repeat([]string{"---"}, len(header))}, lines...)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = cell(c)
		}
		text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
}

// cell keeps text from being taken for Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "\n", " ").Replace(text)
}

func megabytes(bytes int64) string { return number(float64(bytes) / 1e6) }

// plural is a count with its noun.
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
