package bench

import (
	"fmt"
	"strconv"
)

// Header and [Result.Table] are the rows as a table.
func Header() []string {
	return []string{"work", "engine", "ours (min / median / max)", "above", "peer (min / median / max)", "above", "ratio", "goal", ""}
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
	line := []string{m.Name, m.Engine, m.Ours.spread(m.Unit), floor(m.OursFloor, m.Unit), "", floor(m.PeerFloor, m.Unit), "", "", ""}
	switch {
	case m.Missing != "":
		line[4] = "missing: " + m.Missing
	case m.Peer != nil:
		line[4] = m.Peer.What + ": " + m.Peer.spread(m.Unit)
	}
	unit := " " + string(m.Unit)
	if m.Ratio != nil {
		unit = ""
		line[6] = m.Ratio.spread("")
	}
	if m.Goal > 0 {
		line[7] = "≤ " + number(m.Goal) + unit
	}
	if met, decided := m.Met(); decided {
		line[8] = map[bool]string{true: "met", false: "not met"}[met]
	}
	return line
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
