package present

import (
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/poststack/poststack/pkg/event"
)

// renderTable is a table as text, no wider than columns unless that is 0. It has no colours: dependencies
// disagree about when those are wanted.
func renderTable(header []string, rows [][]string, columns int) string {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options.DrawBorder = false
	style.Options.SeparateColumns = false
	style.Format.Header = 0
	t.SetStyle(style)
	if columns > 0 {
		t.Style().Size.WidthMax = columns
	}
	t.AppendHeader(row(header))
	for _, r := range rows {
		t.AppendRow(row(r))
	}
	return t.Render()
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
