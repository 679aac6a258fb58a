package verify

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/service"
)

// ends says how something should end.
func ends(code int, expression string) string {
	text := fmt.Sprintf("status %d", code)
	if expression != "" {
		text += ", prints " + pattern(expression)
	}
	return text
}

// pattern shows a regular expression as it was written.
func pattern(expression string) string { return "/" + expression + "/" }

// ended compares how something ended with how it should.
func ended(code int, out string, want int, pattern string) answer {
	found := answer{seen: fmt.Sprintf("status %d", code), ok: code == want}
	expression := regexp.MustCompile(pattern)
	switch match := expression.FindString(out); {
	case pattern != "" && match != "" && found.ok:
		found.seen += ", " + strconv.Quote(match)
	case pattern != "" || !found.ok:
		found.seen += ", prints " + strconv.Quote(lastLine(out))
	}
	found.ok = found.ok && expression.MatchString(out)
	return found
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// prints checks the whole of what a command prints, but for blanks around it.
func (s *scene) prints(run []string, user, want string) question {
	return question{
		check: service.CommandText(run), expected: strconv.Quote(want), ask: func(ctx context.Context) (answer, error) {
			return s.printsNow(ctx, user, run, want)
		},
	}
}

func (s *scene) printsNow(ctx context.Context, user string, run []string, want string) (answer, error) {
	res, err := s.exec(ctx, user, run)
	if err != nil {
		return answer{}, err
	}
	if res.Code != 0 {
		return answer{seen: service.Ending(res)}, nil
	}
	out := strings.TrimSpace(res.Stdout)
	return answer{seen: strconv.Quote(out), ok: out == want}, nil
}
