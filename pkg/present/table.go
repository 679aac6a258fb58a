package present

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/poststack/poststack/pkg/event"
)

// gap is what go-pretty puts around each cell.
const gap = 2

// renderTable is a table as text, no wider than columns unless that is 0: the widest column is broken into
// lines for that; only if that is not enough, lines are cut. It has no colours: dependencies disagree about when
// those are wanted.
func renderTable(header []string, rows [][]string, columns int) string {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options.DrawBorder = false
	style.Options.SeparateColumns = false
	style.Format.Header = 0
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	t.Style().Size.WidthMax = columns
	if widest, room := squeeze(append([][]string{header}, rows...), columns); room > 0 {
		t.SetColumnConfigs([]table.ColumnConfig{{Number: widest + 1, WidthMax: room, WidthMaxEnforcer: text.WrapSoft}})
	}
	t.AppendHeader(row(header))
	for _, r := range rows {
		t.AppendRow(row(r))
	}
	return t.Render()
}

// squeeze finds the widest column, and the width that it must have for the table to fit, or 0 if it fits anyway
// or cannot be made to.
func squeeze(rows [][]string, columns int) (widest, room int) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r[:min(len(r), len(widths))] {
			widths[i] = max(widths[i], text.LongestLineLen(cell))
		}
	}
	room = columns
	for i, width := range widths {
		room -= width + gap
		if width > widths[widest] {
			widest = i
		}
	}
	const least = 8
	if columns == 0 || room >= 0 || widths[widest]+room < least {
		return widest, 0
	}
	return widest, widths[widest] + room
}

// row converts cells for go-pretty.
func row(cells []string) table.Row {
	r := make(table.Row, len(cells))
	for i, c := range cells {
		r[i] = c
	}
	return r
}

// phaseTable sums up the phases of a run.
func phaseTable(ended []event.Event, columns int) string {
	rows := make([][]string, 0, len(ended))
	for _, e := range ended {
		what := e.Text
		if e.Outcome == event.Failed {
			what = "see above"
		}
		rows = append(rows, []string{e.Phase, string(e.Outcome), Duration(e.Elapsed), what})
	}
	return renderTable([]string{"phase", "result", "time", "what"}, rows, columns)
}
