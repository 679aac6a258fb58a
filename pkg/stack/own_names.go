package stack

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
)

// checkNames refuses to replace a server by one with a user or a database that its volume does not have, which would
// never answer. Only one that runs can tell: its entrypoint lets no other user than the volume's own get so far, and
// itself it knows its databases. target is the database as the settings name it.
func (s *Stack) checkNames(
	ctx context.Context, e Engine, declared container.Service, c engine.Container, target database.Target,
) error {
	if c.State != engine.Running || len(c.Ports) == 0 || !mounts(c, s.volumeName(e.Info().Kind)) {
		return nil
	}
	const user, name = "POSTGRES_USER", "POSTGRES_DB"
	if has, wants := variable(c.Env, user), declared.Spec.Env[user]; has != "" && has != wants {
		return badUsage("start database: its volume was made for the user %q, not %q; all was left as it was: set "+
			"database.user (POSTSTACK_DATABASE_USER) as it was, or restore a backup: mage db:restore gives the database to the "+
			"user that is set", has, wants)
	}
	has := variable(c.Env, name)
	if has == declared.Spec.Env[name] {
		return nil
	}
	err := s.sessions.Use(ctx, target.WithHost(target.Host, c.Ports[0].Host),
		func(ctx context.Context, conn *pgx.Conn) error { return conn.Ping(ctx) })
	if refused, ok := errors.AsType[*database.ConnectError](err); ok && refused.Kind == database.NoDatabase {
		return badUsage("start database: the server has no database %q; all was left as it was: set database.name "+
			"(POSTSTACK_DATABASE_NAME) as it was, which is %q, or make a database of that name with mage psql first",
			target.Database, has)
	}
	return nil // whoever waits for the new server tells of all else
}
