package database

import (
	"regexp"
	"strings"
)

// semicolons finds the end of a part, or a second one, in what was taken for a value.
var semicolons = regexp.MustCompile(`;(?:\s*[A-Za-z][A-Za-z ]*=|$)`)

// readKeyValue reads "host=… port=… dbname=… user=… password=…" by libpq's rules: values with spaces stand in
// single quotes, a backslash takes the next character as it is.
func readKeyValue(s string) (w written, err error) {
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		name = strings.TrimRight(name, " ")
		if !ok || name == "" || strings.Contains(name, " ") {
			return w, wrong("key=value string", `holds a word without "="`,
				"put a value with spaces into single quotes, or write a postgresql:// URL")
		}
		var value string
		if value, s, err = cutValue(strings.TrimLeft(rest, " ")); err != nil {
			return w, err
		}
		if canonical(strings.ToLower(name)) != "password" && semicolons.MatchString(value) {
			return w, wrong("URL", "has semicolons between its parts, as .NET and PHP write it",
				"write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
		}
		w.parameters = append(w.parameters, parameter{name, value, len(w.parameters) + 1})
		s = strings.TrimLeft(s, " ")
	}
	return w, nil
}

// cutValue splits the value at the beginning of s, quoted or not, from what follows it.
func cutValue(s string) (value, rest string, err error) {
	quoted := strings.HasPrefix(s, "'")
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && i == 0:
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '\\':
			return "", "", wrong("key=value string", `ends in "\"`, `write \\ for a backslash`)
		case quoted && c == '\'':
			if rest = s[i+1:]; rest != "" && rest[0] != ' ' {
				return "", "", wrong("key=value string", "has no space after a closing quote", `write \' for a quote inside`)
			}
			return b.String(), rest, nil
		case !quoted && c == ' ':
			return b.String(), s[i:], nil
		default:
			b.WriteByte(c)
		}
	}
	if quoted {
		return "", "", wrong("key=value string", "has a quote that is not closed", `write \' for a quote inside`)
	}
	return b.String(), "", nil
}
