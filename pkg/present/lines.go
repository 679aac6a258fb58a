package present

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/sirupsen/logrus"

	"github.com/poststack/poststack/pkg/event"
)

// write sends e to the logger: its file keeps everything, and its console shows what has at least the level
// of LOG_LEVEL. What the live view draws goes to the file alone, as debug lines.
func (v *View) write(e event.Event) {
	if v.logger == nil {
		return
	}
	entry := v.logger.WithTime(e.At)
	if e.Phase != "" {
		entry = entry.WithField("phase", e.Phase)
	}
	for _, line := range e.Detail {
		entry.Log(v.level(e), line)
	}
	entry.Log(v.level(e), sentence(e))
}

// record keeps the text of a result in the log file. It may be a connection URL: the logger's hook masks it.
func (v *View) record(e event.Event) {
	if v.logger == nil || e.Report.Text == "" {
		return
	}
	v.logger.WithTime(e.At).Debug(e.Report.Text)
}

// level is how important e is.
func (v *View) level(e event.Event) logrus.Level {
	switch {
	case e.Kind == event.Warning:
		return logrus.WarnLevel
	case e.Outcome == event.Failed:
		return logrus.ErrorLevel
	case v.mode == Quiet || v.mode == JSON:
		return logrus.DebugLevel
	case v.live != nil && e.Kind != event.Notice:
		return logrus.DebugLevel
	default:
		return logrus.InfoLevel
	}
}

// sentence is e in one line.
func sentence(e event.Event) string {
	switch e.Kind {
	case event.PhaseStarted:
		return "started"
	case event.PhaseEnded:
		text := fmt.Sprintf("%s in %s", e.Outcome, Duration(e.Elapsed))
		if e.Text != "" {
			text += " – " + e.Text
		}
		if e.Log != "" {
			text += " (log: " + e.Log + ")"
		}
		return text
	default:
		return e.Text
	}
}

// Duration is d as people read it: 12ms, 1.3s, 2m05s.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	default:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
}

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
