package backup

import (
	"bytes"
	"regexp"
	"strings"
)

// Schema is the text of a schema as pg_dump gives it, without the lines that differ each time: which programs made it,
// and the random words of \restrict.
func Schema(text []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		s := string(line)
		if strings.HasPrefix(s, "-- Dumped ") || strings.HasPrefix(s, `\restrict `) || strings.HasPrefix(s, `\unrestrict `) {
			continue
		}
		out.Write(line)
	}
	return out.Bytes()
}

// bare takes the parentheses out. PostgreSQL prints "a between 1 and 9 and b" as ((a >= 1 and a <= 9) and b), and with
// one pair less once it has read that again: a restored schema has the same fingerprint as the one that was backed up.
func bare(schema string) string { return strings.NewReplacer("(", "", ")", "").Replace(schema) }

// Unqualified is a [Schema] with names as they are without those before them, "name" for "p.name": from version 16 on
// PostgreSQL writes those out only where a view reads several tables.
func Unqualified(schema []byte) []byte {
	return regexp.MustCompile(`[\pL_][\pL\d_$]*\.|"[^"\n]*"\.`).ReplaceAll(schema, nil)
}

// Fingerprint is the SHA-256 of a [Schema], parentheses aside.
func Fingerprint(schema []byte) string {
	of := newSum()
	_, _ = of.Write([]byte(bare(string(schema))))
	return of.text()
}

// Difference is the first line in which two schemas differ, of each, parentheses aside; "" where one has ended.
func Difference(want, got []byte) (wanted, found string) {
	a, b := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(a), len(b)) {
		wanted, found = at(a, i), at(b, i)
		if bare(wanted) != bare(found) {
			return wanted, found
		}
	}
	return "", ""
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
