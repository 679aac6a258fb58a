package database

import (
	"regexp"
	"strings"
)

// semicolons finds the end of a part, or a second one, in what was taken for a value.
var semicolons = regexp.MustCompile(`;(?:\s*[A-Za-z][A-Za-z ]*=|$)`)

// quotable is a value: in single quotes, or up to the next space. A backslash takes the next character as it is.
var (
	quotable = regexp.MustCompile(`^ *(?:'((?:[^'\\]|\\.)*)'|((?:[^' \\]|\\.)(?:[^ \\]|\\.)*)?)(?: +|$)`)
	escape   = regexp.MustCompile(`\\(.)`)
)

// readKeyValue reads "host=… port=… dbname=… user=… password=…" by libpq's rules.
func readKeyValue(s string) (w written, err error) {
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		name = strings.TrimRight(name, " ")
		if !ok || name == "" || strings.Contains(name, " ") {
			return w, wrong("key=value string", `holds a word without "="`,
				"put a value with spaces into single quotes, or write a postgresql:// URL")
		}
		m := quotable.FindStringSubmatch(rest)
		if m == nil {
			return w, wrong("key=value string", `has a quote that is not closed, or "\" at its end`,
				`write \' for a quote inside quotes, and \\ for a backslash`)
		}
		value := escape.ReplaceAllString(m[1]+m[2], "$1")
		if canonical(strings.ToLower(name)) != "password" && semicolons.MatchString(value) {
			return w, wrong("URL", "has semicolons between its parts, as .NET and PHP write it",
				"write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
		}
		w.parameters = append(w.parameters, parameter{name, value, len(w.parameters) + 1})
		s = rest[len(m[0]):]
	}
	return w, nil
}
