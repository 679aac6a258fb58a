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

// setting is the value of a setting that a service's environment may refer to.
func (s *Stack) setting(key string) (value string, known bool) {
	value, known = map[string]string{
		"database.user": s.Config.Database.User, "database.name": s.Config.Database.Name,
		"domain": s.Config.Domain, "le_email": s.Config.LEEmail, "cert_path": s.Config.CertPath,
		"log.level":      s.Config.LogLevel,
		"acme.directory": s.Config.ACME.Directory, "acme.root_pem": s.Config.ACME.RootPEM,
	}[key]
	return value, known
}
