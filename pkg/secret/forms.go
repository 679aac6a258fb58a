package secret

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// minLine is how long a line of a secret must be, in bytes, to be a secret of its own: a shorter one, such as
// a closing bracket, tells nothing and would mask half of every text.
const minLine = 4

// forms returns v as it may appear in texts. Errors quote the values they are about, and URLs encode them, so
// a password is seen in another spelling than its own. Duplicates are possible.
func forms(v string) []string {
	all := []string{
		v,
		url.QueryEscape(v),
		url.PathEscape(v),
		strings.TrimPrefix(url.UserPassword("", v).String(), ":"),
		unquote(strconv.Quote(v)),
		strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(v), // pgpass
	}
	if text, err := json.Marshal(v); err == nil {
		all = append(all, unquote(string(text)))
	}
	// Logs are redacted line by line, so that a key of several lines never passes as a whole.
	if lines := strings.Split(v, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= minLine {
				all = append(all, line)
			}
		}
	}
	return all
}

// unquote takes the quotes off a quoted text, and leaves what is escaped in it.
func unquote(text string) string { return text[1 : len(text)-1] }
