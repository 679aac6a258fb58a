package stack

import (
	"context"
	"errors"
	"time"

	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/inventory"
)

// servicesFacts are services in the words of services:status.
func (s *Stack) servicesFacts(found []ServiceStatus) []inventory.Service {
	now := time.Now()
	var out []inventory.Service
	for _, one := range found {
		view := inventory.Service{
			Name: one.Service, State: one.word(), Health: one.health(), Summary: s.Secrets.Redact(one.summary(now)),
		}
		for _, line := range one.lines(now)[1:] { // the first is the summary
			view.Tells = append(view.Tells, [2]string{line[0], s.Secrets.Redact(line[1])})
		}
		out = append(out, view)
	}
	return out
}

// health is whether somebody has to look at it.
func (s ServiceStatus) health() inventory.Health {
	switch t := s.Tells; {
	case s.State != string(engine.Running) || t != nil && t.State != status.Serving:
		return inventory.Down
	case s.Problem != "" || t != nil && (!t.Connected || t.LastError != nil || len(t.LeftOut)+len(t.Warnings) > 0):
		return inventory.Impaired
	default:
		return inventory.Well
	}
}

// hostingFacts fills in the domains, as domain:list has them, and their certificates, as certificates:status has
// them. A database without the tables has none.
func (s *Stack) hostingFacts(ctx context.Context, inv *inventory.Inventory) error {
	if inv.Database.Answers != "yes" {
		return nil // which is told elsewhere
	}
	var domains []hosting.DomainRow
	var certificates []hosting.CertificateRow
	err := s.onTables(ctx, func(ctx context.Context, conn hosting.Conn) (err error) {
		if domains, err = hosting.Domains(ctx, conn); err == nil {
			certificates, err = hosting.Certificates(ctx, conn, "")
		}
		return err
	})
	if _, ok := errors.AsType[*hosting.SchemaError](err); ok {
		return nil // the state of the schema tells of it
	}
	if err != nil {
		return err
	}
	for _, row := range domains {
		inv.Domains = append(inv.Domains, inventory.Domain{
			Name: row.Name.String(), Serves: DomainData{DomainRow: row}.servesText(), Enabled: row.Enabled, Zone: row.Zone,
			Accounts: row.Accounts, Aliases: row.Aliases, Certificates: row.Certificates,
		})
	}
	data, err := s.certificatesServed(ctx, certificates)
	for _, c := range data {
		view := inventory.Certificate{
			Name: c.Directory, Names: c.Names, Status: c.Status, DaysLeft: c.DaysLeft, Served: s.Secrets.Redact(c.servedText()),
			More: s.Secrets.Redact(c.more()), Wrong: c.wrong(),
		}
		if c.NotAfter != nil {
			view.NotAfter = *c.NotAfter
		}
		inv.Certificates = append(inv.Certificates, view)
	}
	return err
}
