package quote

import (
	"fmt"
	"regexp"
	"strings"
)

// token is one word of a zone file: it has blanks, parentheses and semicolons only in quotes.
const token = `(?:[^ "\\();]|\\.|"(?:[^"\\]|\\.)*")+`

var (
	oneToken  = regexp.MustCompile(token)
	allTokens = regexp.MustCompile(`^ *(?:` + token + `(?: +|$))*$`)
)

// Tokens splits what is written as in a zone file, and refuses what would go on in another line, or end in a comment.
func Tokens(content string) ([]string, error) {
	if strings.ContainsFunc(content, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, fmt.Errorf("%q has a character that is not in ASCII, or that nobody sees", content)
	}
	if !allTokens.MatchString(content) {
		return nil, fmt.Errorf("%q has a quote that does not end, a backslash at its end, or one of ( ) ; outside of quotes",
			content)
	}
	return oneToken.FindAllString(content, -1), nil
}
