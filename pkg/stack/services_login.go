package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/service"
)

// gateway is how a service's container calls this machine, when the database is on it.
const gateway = "database.host"

// serviceLogin is how a service signs in to the database: as a role of its own, which may do what the role that
// image.yaml names may do. The role is made, or given its password again, when it cannot sign in.
func (s *Stack) serviceLogin(ctx context.Context, d image.Definition) (*service.Login, error) {
	wanted := d.Service.Database
	if wanted == nil {
		return nil, nil //nolint:nilnil // a service that needs no database has no login
	}
	password, err := s.serviceSecret(d.Name, "database")
	if err != nil {
		return nil, err
	}
	admin, err := s.Target(ctx)
	if err != nil {
		return nil, err
	}
	login := admin
	login.User, login.Password, login.PassPath, login.SSLCert, login.SSLKey = s.loginRole(d.Name), password, "", "", ""
	if err := s.canSignIn(ctx, login); err != nil {
		var refused *database.ConnectError
		if !errors.As(err, &refused) || refused.Kind != database.Authentication {
			return nil, err
		}
		if err := s.makeLogin(ctx, admin, login, wanted.Role); err != nil {
			return nil, err
		}
		if err := s.canSignIn(ctx, login); err != nil {
			return nil, err
		}
	}
	return s.loginInside(login)
}

// logins are those of the services that one run starts, each asked for once.
type logins struct {
	stack *Stack
	asked sync.Map // by the service's name: func() (*service.Login, error)
}

// of waits for the login of a service.
func (l *logins) of(ctx context.Context, d image.Definition) (*service.Login, error) {
	ask, _ := l.asked.LoadOrStore(d.Name, sync.OnceValues(func() (*service.Login, error) {
		return l.stack.serviceLogin(ctx, d)
	}))
	return ask.(func() (*service.Login, error))() //nolint:forcetypeassert // nothing else is stored
}

// begin asks for the login of a service; who starts it gets the answer.
func (l *logins) begin(ctx context.Context, name string) {
	if d, err := l.stack.definition(name); err == nil {
		_, _ = l.of(ctx, d)
	}
}

// loginConnections is how many connections a service may have at once. One for each request that strangers make, such
// as those of a server that looks up passwords, would else take all that the database has from the other services.
const loginConnections = 40

// loginRole is the role that a service of this stack signs in as: several stacks may share one server.
func (s *Stack) loginRole(name string) string { return "poststack_" + s.Config.Stack + "_" + name }

func (s *Stack) canSignIn(ctx context.Context, login database.Target) error {
	conn, err := login.Connect(ctx)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// makeLogin makes the role, a member of the service's, or gives it its password again.
func (s *Stack) makeLogin(ctx context.Context, admin, login database.Target, role string) error {
	verifier, err := database.Verifier(login.Password)
	if err != nil {
		return err
	}
	s.Secrets.Add(verifier.Reveal())
	name, member := pgx.Identifier{login.User}.Sanitize(), pgx.Identifier{role}.Sanitize()
	err = s.sessions.Use(ctx, admin, func(ctx context.Context, conn *pgx.Conn) error {
		var there, group bool
		ask := `select exists (select from pg_roles where rolname = $1), exists (select from pg_roles where rolname = $2)`
		if err := conn.QueryRow(ctx, ask, login.User, role).Scan(&there, &group); err != nil {
			return err
		}
		if !group {
			return fmt.Errorf("there is no role %q: the schema makes it (mage schema:update)", role)
		}
		how := "create" // without an attribute beside those that are named
		if there {
			how = "alter" // only superusers may name some of the others here
		}
		for _, statement := range []string{
			fmt.Sprintf("%s role %s login connection limit %d password '%s'", how, name, loginConnections, verifier.Reveal()),
			fmt.Sprintf("grant %s to %s", member, name),
		} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("let a service sign in as %q: %w", login.User, err)
	}
	return nil
}

// loginInside is the login as the service's container uses it.
func (s *Stack) loginInside(login database.Target) (*service.Login, error) {
	inside := &service.Login{
		Host: login.Host, Port: cmp.Or(login.Port, database.DefaultPort), Database: login.Database, User: login.User,
		SSLMode: cmp.Or(login.SSLMode, database.DefaultSSLMode), Schema: login.Schema,
		PassFile: secret.Value(login.PassFile()),
	}
	if login.SSLRootCert != "" && login.SSLRootCert != "system" {
		root, err := os.ReadFile(login.SSLRootCert)
		if err != nil {
			return nil, fmt.Errorf("read sslrootcert: %w", err)
		}
		inside.Root = root
	}
	switch {
	case !s.External():
		place, err := s.declaredDatabase()
		if err != nil {
			return nil, err
		}
		inside.Host, inside.Port = postgresImage, place.port.Port
		if inside.SSLMode, err = s.modeInNetwork(login.SSLMode); err != nil {
			return nil, err
		}
	case login.Socket() != "":
		return nil, badUsage("DATABASE_URL names a socket, which the containers of services do not reach: name the " +
			"server's host and port")
	case login.Loopback():
		inside.Host, inside.Gateway = gateway, true
	}
	return inside, nil
}
