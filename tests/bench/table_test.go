package bench_test

import (
	"fmt"
	"strconv"
	"strings"
)

// Header and [Result.Table] are the rows as a table.
func Header() []string {
	return []string{
		"work", "engine", "ours (min / median / max)", "above", "peer (min / median / max)", "above", "ratio", "goal", "",
	}
}

// Table has a line for each row, in the order of [Header].
func (r Result) Table() [][]string {
	rows := make([][]string, 0, len(r.Rows))
	for _, m := range r.Rows {
		rows = append(rows, m.line())
	}
	return rows
}

func (m Measured) line() []string {
	if m.Failed != "" {
		return []string{m.Name, m.Engine, "failed: " + m.Failed, "", "", "", "", "", "failed"}
	}
	line := []string{
		m.Name, m.Engine, m.Ours.spread(m.Unit), floor(m.OursFloor, m.Unit),
		"", floor(m.PeerFloor, m.Unit), "", "", m.verdict(),
	}
	unit := "" // of the goal: a ratio has none
	switch {
	case m.Missing != "":
		line[4] = "missing: " + m.Missing
	case m.Peer != nil:
		line[4] = m.Peer.What + ": " + m.Peer.spread(m.Unit)
	default:
		unit = " " + string(m.Unit)
	}
	if m.Ratio != nil {
		line[6] = m.Ratio.spread("")
	}
	if m.Goal > 0 {
		line[7] = "≤ " + number(m.Goal) + unit
	}
	return line
}

// verdict tells whether the goal is met, if there is one.
func (m Measured) verdict() string {
	met, decided := m.Met()
	switch {
	case met:
		return "met"
	case decided:
		return "not met"
	case m.Goal > 0:
		return "undecided"
	}
	return ""
}

// Notes has a line for each thing that the table does not show, with its rows: why one is undecided, and what the
// statistics warn of.
func (r Result) Notes() []string {
	var order []string
	rows := map[string][]string{}
	for _, m := range r.Rows {
		notes := m.Notes
		if m.Undecided != "" {
			notes = append([]string{"undecided, since " + m.Undecided}, notes...)
		}
		for _, note := range notes {
			if rows[note] == nil {
				order = append(order, note)
			}
			rows[note] = append(rows[note], m.Name+" ("+m.Engine+")")
		}
	}
	for i, note := range order {
		order[i] = note + ": " + strings.Join(rows[note], "; ")
	}
	return order
}

// spread is the least, the median and the greatest value.
func (s Series) spread(unit Unit) string {
	if unit != "" {
		unit = " " + unit
	}
	return fmt.Sprintf("%s / %s / %s%s", number(s.Min), number(s.Median), number(s.Max), unit)
}

// floor is what a floor took, with its name.
func floor(s *Series, unit Unit) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s %s", s.What, number(s.Median), unit)
}

// number has three significant digits.
func number(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
