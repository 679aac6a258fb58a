package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/engine"
)

// databaseRows tell of the database, of who rules it, of what it serves, and of where its data is and is kept.
func (s *Stack) databaseRows(report StatusReport, row func(what, state, more string)) {
	row("database", report.Answers, report.Database)
	if names := report.Superusers; len(names) > 0 {
		row("superuser", strings.Join(names, ", "), "signs in over the network; remedy: "+s.superuserRemedy(names))
	}
	row("schema", report.Schema, s.Config.Schema.Changelog)
	if c := report.Certificate; c != nil {
		row("certificate", c.String(), cmp.Or(c.Problem, c.From))
	}
	if c := report.Certificates; c != nil {
		row("certificates", c.String(), c.more())
	}
	if b := report.Backups; b != nil {
		row("backups", b.text()[0], b.text()[1])
	}
	if a := report.Archive; a != nil {
		state, more := a.text()
		row("archive", state, more)
	}
	if report.VolumeBytes > 0 {
		row("data", units.HumanSize(float64(report.VolumeBytes)), s.volumeName(s.engineOnce.value.Info().Kind))
	}
	if f := report.Former; f != nil {
		row("former data", units.HumanSize(float64(f.Bytes)),
			fmt.Sprintf("%s, of PostgreSQL %s; mage db:upgrade -dropOld removes it", f.Volume, f.Major))
	}
}

// FormerStatus is the volume of before an upgrade of PostgreSQL.
type FormerStatus struct {
	Volume string `json:"volume"`
	Major  string `json:"major"` // version of PostgreSQL
	Bytes  int64  `json:"bytes"`
}

// formerStatus is nil where no upgrade has left a volume, or what it has left cannot be read: db:upgrade says why.
func (s *Stack) formerStatus(ctx context.Context, e Engine) (*FormerStatus, error) {
	kept, err := s.former(ctx, e)
	if err != nil || kept.Volume == "" {
		return nil, nil //nolint:nilerr,nilnil // there is nothing to tell
	}
	f := &FormerStatus{Volume: s.services().Volume(kept.Volume), Major: kept.Major}
	if f.Bytes, err = e.VolumeUsage(ctx, f.Volume); errors.Is(err, engine.ErrNotFound) {
		return nil, nil //nolint:nilnil // it goes meanwhile
	}
	return f, err
}

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
