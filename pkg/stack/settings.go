package stack

import (
	"context"
	"maps"
	"net"
	"slices"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
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

// needsIPv6 tells whether containers have to have addresses of IPv6, since a service is published on one. With root's
// podman the kernel leads to a container's address of the same kind, but never from ::1; elsewhere a program takes the
// connections and leads them to any.
func (s *Stack) needsIPv6(info engine.Info) (bool, error) {
	if info.Kind != engine.Podman || info.Rootless {
		return false, nil
	}
	needed := false
	for _, name := range slices.Sorted(maps.Keys(s.Config.Services)) {
		for _, address := range s.Config.Services[name].Listen {
			if net.ParseIP(address).Equal(net.IPv6loopback) {
				return false, badUsage("services.%s.listen: root's podman publishes nothing on %s; 127.0.0.1 does, and so do the "+
					"machine's other addresses of IPv6, or all with \"::\"", name, address)
			}
			needed = needed || service.IsIPv6(address)
		}
	}
	return needed, nil
}
