package stack

import (
	"context"
	"fmt"
	"os"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// eachLogin does something for each service that signs in to the database, or did.
func (s *Stack) eachLogin(do func(image.Definition) error) error {
	services, err := s.servicesHere()
	for _, d := range services {
		if _, none := os.Stat(s.secretPath(d.Name, "database")); d.Service.Database == nil || none != nil {
			continue
		}
		if err := do(d); err != nil {
			return err
		}
	}
	return err
}

// keepLogins lets the services of this stack sign in to a restored database as they do now: their roles are the
// server's, and in no backup.
func (s *Stack) keepLogins(ctx context.Context, r event.Reporter, admin database.Target) error {
	return s.eachLogin(func(d image.Definition) error {
		password, err := s.serviceSecret(d.Name, "database")
		if err != nil {
			return err
		}
		login := database.Target{User: s.loginRole(d.Name), Password: password}
		if err := s.makeLogin(ctx, admin, login, d.Service.Database.Role); err != nil {
			r.Warn(fmt.Sprintf("service %s cannot sign in to the restored database: %v", d.Name, err))
		}
		return nil
	})
}

// usedBy waits until the services that run are healthy with the database, and names them.
func (s *Stack) usedBy(ctx context.Context, e Engine) ([]string, error) {
	names := []string{}
	return names, s.eachLogin(func(d image.Definition) error {
		c, err := s.serviceContainer(ctx, e, d.Name)
		if err == nil && c.State == engine.Running {
			names = append(names, d.Name)
		}
		return err
	})
}
