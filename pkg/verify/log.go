package verify

import (
	"context"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// tail is the last lines that the container printed.
const tail = 20

// printed is everything that the container printed.
func (s *scene) printed(ctx context.Context) (string, error) {
	var out strings.Builder
	err := s.Engine.ContainerLogs(ctx, s.box.ID(), engine.LogOptions{}, &out, &out)
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
	s.log = container.LastLines(ctx, s.Engine, s.box.ID(), tail)
}
