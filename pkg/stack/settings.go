package stack

import (
	"context"

	"github.com/poststack/poststack/pkg/event"
)

// ShowConfig reports every setting, its value and where it came from.
func (s *Stack) ShowConfig(context.Context) error {
	settings := s.Config.Settings()
	report := event.Report{Header: []string{"setting", "value", "from", "environment"}, Data: settings}
	for _, set := range settings {
		report.Rows = append(report.Rows, []string{set.Key, set.Value, set.Source, set.Env})
	}
	s.Sink.Result(report)
	return nil
}
