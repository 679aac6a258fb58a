package schema

import (
	"regexp"
	"strings"
)

// statements splits SQL at its semicolons and leaves out comments and what stands in quotes, dollar quotes
// included, so that what is left can be looked at by its first words. Names in double quotes are kept.
func statements(sql string) []string {
	var list []string
	var b strings.Builder
	flush := func() {
		if s := strings.TrimSpace(b.String()); s != "" {
			list = append(list, s)
		}
		b.Reset()
	}
	for i := 0; i < len(sql); {
		switch skip := skipped(sql[i:]); {
		case skip > 0:
			b.WriteByte(' ')
			i += skip
		case sql[i] == ';':
			flush()
			i++
		default:
			b.WriteByte(sql[i])
			i++
		}
	}
	flush()
	return list
}

// skipped is how long the comment or quotation is that s begins with; 0 if it begins with neither.
func skipped(s string) int {
	switch {
	case strings.HasPrefix(s, "--"):
		return until(s, 2, "\n")
	case strings.HasPrefix(s, "/*"):
		return block(s)
	case s[0] == '\'':
		return until(s, 1, "'")
	case s[0] == '$':
		if tag := regexp.MustCompile(`^\$([A-Za-z_][A-Za-z_0-9]*)?\$`).FindString(s); tag != "" {
			return until(s, len(tag), tag)
		}
	}
	return 0
}

// until is the length of s up to the end of the first mark after from; all of s if there is none.
func until(s string, from int, mark string) int {
	if i := strings.Index(s[from:], mark); i >= 0 {
		return from + i + len(mark)
	}
	return len(s)
}

// block is the length of a block comment; PostgreSQL's nest.
func block(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// control is the word with which a statement begins or ends a transaction; "" if it does neither.
func control(statement string) string {
	words := strings.Fields(strings.ToLower(statement))
	switch words[0] {
	case "begin", "commit", "end", "abort":
		return strings.ToUpper(words[0])
	case "rollback":
		if len(words) < 2 || words[1] != "to" {
			return "ROLLBACK"
		}
	case "start":
		if len(words) > 1 && words[1] == "transaction" {
			return "START TRANSACTION"
		}
	}
	return ""
}
