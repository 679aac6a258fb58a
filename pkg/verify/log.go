package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
)

// tail is the last lines that the container printed.
const tail = 20

// printed is everything that the container printed, or the last n lines of it.
func (s *scene) printed(ctx context.Context, n int) (string, error) {
	var out strings.Builder
	err := s.Engine.ContainerLogs(ctx, s.box.ID(), engine.LogOptions{Tail: n}, &out, &out)
	return strings.ReplaceAll(out.String(), "\r\n", "\n"), err
}

// keepLog keeps the last lines of the container for the error, if it is the first with a failed check.
func (s *scene) keepLog(ctx context.Context, since int) {
	failed := false
	for _, r := range s.results[since:] {
		failed = failed || !r.OK
	}
	if s.box == nil || !failed || len(s.log) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	text, err := s.printed(ctx, tail)
	if err != nil {
		text = fmt.Sprintf("read the container's log: %v", err)
	}
	if text = strings.TrimRight(text, "\n"); text != "" {
		s.log = strings.Split(text, "\n")
	}
}
