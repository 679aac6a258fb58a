package database

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// decode resolves the percent codes of s, which is the URL's part of that name. Spaces and the characters of
// reserved must not stand in it as they are.
func decode(part, s, reserved string) (string, error) {
	var bad, codes []string
	for _, c := range reserved + " " {
		if strings.ContainsRune(s, c) {
			bad, codes = append(bad, strconv.Quote(string(c))), append(codes, encode(string(c)))
		}
	}
	if len(bad) > 0 {
		return "", wrong(part, "holds "+strings.Join(bad, ", ")+" as it is", "write "+strings.Join(codes, ", "))
	}
	out, err := url.PathUnescape(s)
	switch {
	case err != nil:
		return "", wrong(part, `holds "%" as it is`, "write %25")
	case !utf8.ValidString(out) || strings.ContainsFunc(out, unicode.IsControl):
		return "", wrong(part, "holds control characters or is not UTF-8",
			"use another: Liquibase's password file and the login cannot carry it")
	}
	return out, nil
}
