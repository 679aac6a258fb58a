package stack

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/hosting"
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

// adopt lets the services of this stack sign in to a restored database as they do now: their roles are the server's, and
// in no backup. Its zones get serials past those of today.
func (r *restoring) adopt(ctx context.Context, t *trial) error {
	err := r.eachLogin(func(d image.Definition) error {
		password, err := r.serviceSecret(d.Name, "database")
		if err != nil {
			return err
		}
		login := database.Target{User: r.loginRole(d.Name), Password: password}
		if err := r.makeLogin(ctx, t.target, login, d.Service.Database.Role); err != nil {
			r.report.Warn(fmt.Sprintf("service %s cannot sign in to the restored database: %v", d.Name, err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.sessions.Use(ctx, t.target, func(ctx context.Context, conn *pgx.Conn) error {
		return hosting.RaiseRestoredSerials(ctx, conn)
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
