package engine

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// parseConf reads the TOML that a containers.conf is made of: tables, and keys with strings, numbers,
// booleans and arrays, which may go over several lines. Values stay as they are written.
func parseConf(text string) settings {
	out := settings{}
	table, key, value := "", "", ""
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(withoutComment(line))
		if key != "" { // inside an array
			value += " " + line
		} else if name, ok := tableName(line); ok {
			table = name
			continue
		} else if k, v, ok := strings.Cut(line, "="); ok {
			key, value = strings.TrimSpace(k), strings.TrimSpace(v)
		}
		if key != "" && depth(value) <= 0 {
			out.set(table, key, value)
			key, value = "", ""
		}
	}
	return out
}

func tableName(line string) (string, bool) {
	if !strings.HasPrefix(line, "[") || !strings.HasSuffix(line, "]") {
		return "", false
	}
	return strings.TrimSpace(strings.Trim(line, "[]")), true
}

// withoutComment cuts a line at the first # outside of quotes.
func withoutComment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && !quoted(line[:i]) {
			return line[:i]
		}
	}
	return line
}

// depth counts the brackets outside of quotes that are still open.
func depth(value string) int {
	d := 0
	for i := range len(value) {
		switch c := value[i]; {
		case c != '[' && c != ']' && c != '{' && c != '}', quoted(value[:i]):
		case c == '[' || c == '{':
			d++
		default:
			d--
		}
	}
	return d
}

// quoted tells whether a quote is open at the end of s.
func quoted(s string) bool {
	var open byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case open == '"' && c == '\\':
			i++
		case open == 0 && (c == '"' || c == '\''):
			open = c
		case c == open:
			open = 0
		}
	}
	return open != 0
}

// add lays more over s.
func (s settings) add(more settings) {
	for table, keys := range more {
		for k, v := range keys {
			s.set(table, k, v)
		}
	}
}

// String writes s as TOML, sorted.
func (s settings) String() string {
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(s)) {
		if table != "" {
			b.WriteString("[" + table + "]\n")
		}
		for _, k := range slices.Sorted(maps.Keys(s[table])) {
			b.WriteString(k + " = " + s[table][k] + "\n")
		}
	}
	return b.String()
}

// atLeast compares the first two numbers of a version such as "4.3.1+ds1-8+deb12u1". What is no version is
// old.
func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	b, err := strconv.Atoi(strings.TrimRight(parts[1], "-abcdefghijklmnopqrstuvwxyz"))
	if err != nil {
		return false
	}
	return a > major || (a == major && b >= minor)
}
