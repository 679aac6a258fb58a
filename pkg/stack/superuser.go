package stack

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// bootstrapSQL names the superuser that a server was made with, whom everybody may know.
const bootstrapSQL = `select rolname from pg_roles where oid = 10`

// outerSQL are the superusers that may sign in from outside. The one that a database is made with now may not.
const outerSQL = `select rolname from pg_roles where rolsuper and rolcanlogin
	and (oid <> 10 or rolname = current_user) order by 1`

// outerSuperusers are those of the own database; none if it is another one.
func (s *Stack) outerSuperusers(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	if s.External() {
		return nil, nil
	}
	rows, _ := conn.Query(ctx, outerSQL) // its error is that of the rows
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// superuserRemedy is what to do about them.
func (s *Stack) superuserRemedy(names []string) string {
	if slices.Contains(names, s.Config.Database.User) {
		return "mage db:backup, then mage db:restore of that file: the user of a new volume is none"
	}
	return fmt.Sprintf("mage shell postgres, and there psql -U superuser -d %s: alter role NAME nosuperuser",
		s.Config.Database.Name)
}
