package quote

import (
	"fmt"
	"strings"
)

// Tokens splits what is written as in a zone file, and refuses what would go on in another line, or end in a comment.
func Tokens(content string) ([]string, error) {
	out, quoted, inside := []string{""}, false, false
	for i := 0; i < len(content); i++ {
		c := content[i]
		switch {
		case c < ' ' || c > '~':
			return nil, fmt.Errorf("%q has a character that is not in ASCII, or that nobody sees", content)
		case c == '\\' && (i+1 == len(content) || content[i+1] < ' ' || content[i+1] > '~'):
			return nil, fmt.Errorf("%q ends with a backslash", content)
		case c == '\\':
			out[len(out)-1] += content[i : i+2]
			i++
			inside = true
			continue
		case c == '"':
			quoted = !quoted
		case c == ' ' && !quoted:
			if inside {
				out = append(out, "")
			}
			inside = false
			continue
		case !quoted && strings.IndexByte("();", c) >= 0:
			return nil, fmt.Errorf("%q has %q outside of quotes", content, c)
		}
		out[len(out)-1] += string([]byte{c})
		inside = true
	}
	if quoted {
		return nil, fmt.Errorf("%q has a quote that does not end", content)
	}
	if !inside {
		out = out[:len(out)-1]
	}
	return out, nil
}
