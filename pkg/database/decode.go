package database

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// decode resolves the percent codes of s, which is the URL's part of that name. Spaces and the characters of
// reserved must not stand in it as they are.
func decode(part, s, reserved string) (string, error) {
	if bad := rawReserved(s, reserved); len(bad) > 0 {
		return "", wrong(part, "holds "+strings.Join(bad, ", ")+" as it is", "write "+codes(bad))
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		n, err := strconv.ParseUint(s[i+1:min(i+3, len(s))], 16, 8)
		if err != nil || i+3 > len(s) {
			return "", wrong(part, `holds "%" as it is`, "write %25")
		}
		b.WriteByte(byte(n))
		i += 2
	}
	if out := b.String(); utf8.ValidString(out) && !strings.ContainsFunc(out, isControl) {
		return out, nil
	}
	return "", wrong(part, "holds control characters or is not UTF-8",
		"use another: Liquibase's password file and the login cannot carry it")
}

// rawReserved returns the characters of s that should have been encoded, each once, quoted: those of reserved,
// and the space.
func rawReserved(s, reserved string) (found []string) {
	for _, c := range reserved + " " {
		if strings.ContainsRune(s, c) {
			found = append(found, strconv.Quote(string(c)))
		}
	}
	return found
}

// codes returns the percent codes of characters quoted by [rawReserved].
func codes(quoted []string) string {
	out := make([]string, len(quoted))
	for i, q := range quoted {
		c, _ := strconv.Unquote(q)
		out[i] = encode(c)
	}
	return strings.Join(out, ", ")
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }
