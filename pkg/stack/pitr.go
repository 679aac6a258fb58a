package stack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// RecoveredData is what a point-in-time recovery did, as a value for machines.
type RecoveredData struct {
	Time     time.Time  `json:"time"`   // when the database was as it is now
	Base     string     `json:"base"`   // the base backup that it was made from
	Before   *time.Time `json:"before"` // a recovery to this time brings back what was there before; null if nothing was
	Database string     `json:"database"`
	Schema   string     `json:"schema"` // fingerprint
	Tables   int        `json:"tables"`
	Rows     int64      `json:"rows"`
	Services []string   `json:"services"` // that run, and use it now
}

// ParseTime reads a time as people and PostgreSQL write it. Without a zone it is this machine's.
func ParseTime(text string) (time.Time, error) {
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05",
	} {
		if at, err := time.ParseInLocation(layout, strings.Replace(text, " ", "T", 1), time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, badUsage("%q is no time: write it as 2026-11-30T12:00:00+01:00, or \"2026-11-30 12:00:00\" "+
		"in the zone of this machine; nothing was changed", text)
}

// RecoverTo has the own database as it was at a time, from the archive, after a question unless yes is set. It is
// filled into a volume of its own while the present one serves, and takes its place by what a restore does.
func (s *Stack) RecoverTo(ctx context.Context, text string, yes bool) error {
	const target = "db:pitr"
	at, err := ParseTime(text)
	switch {
	case s.External():
		err = badUsage("DATABASE_URL is set, and only Poststack's own database has an archive; nothing was changed")
	case s.Config.Database.Archive == "":
		err = badUsage("no archive is set: set database.archive (POSTSTACK_DATABASE_ARCHIVE); nothing was changed")
	case err == nil && at.After(time.Now()):
		err = badUsage("%s is in the future; nothing was changed", at.Format(time.RFC3339))
	}
	if err != nil {
		return s.refused(target, err)
	}
	err = s.question(ctx, target, yes, fmt.Sprintf("database %q goes back to what it held at %s: what was written since "+
		"will then be in the archive only; go on? (yes/no)", s.Config.Database.Name, at.Format(time.RFC3339)),
		"nothing was changed")
	if err != nil {
		return err
	}
	return s.replacing(ctx, target, func(ctx context.Context, r *restoring) (ended, error) {
		recovery := &recovering{restoring: r, data: RecoveredData{Time: at}}
		if err := recovery.do(ctx); err != nil {
			return ended{}, err
		}
		return recovery.told(), nil
	})
}

func (r *recovering) told() ended {
	d := r.data
	text := fmt.Sprintf("database %q is as it was at %s, from base backup %s: %d tables with %d rows",
		d.Database, d.Time.Format(time.RFC3339Nano), d.Base, d.Tables, d.Rows)
	if d.Before != nil {
		text += fmt.Sprintf("; mage db:pitr %s has what was there before", d.Before.Format(time.RFC3339Nano))
	}
	if len(d.Services) > 0 {
		text += "; used by " + strings.Join(d.Services, ", ")
	}
	return ended{Outcome: event.Done, Text: text, Data: d}
}

// allArchived ends with 0 if the server of a volume was shut down in order, and its archiver has left nothing to do.
// Source: src/backend/postmaster/pgarch.c: NAME.ready stands for a file of the log that the archive has yet to take.
const allArchived = `cd "$PGDATA" || exit
pg_controldata | grep -q '^Database cluster state: *shut down$' || {
  echo "its server was not shut down in order" >&2
  exit 1
}
! ls pg_wal/archive_status | grep '\.ready$' >&2`

// release has the former volume removed if the archive has all that was committed there. Else it stays, and is named:
// what the archive lacks is nowhere else.
func (r *recovering) release(ctx context.Context, t trial) error {
	name := r.former[usualData]
	if name == "" {
		return nil
	}
	kind := r.engine.Info().Kind
	t.volume = r.services().Volume(name)
	err := r.inside(ctx, &t, t.volume, func(id engine.ContainerID) error {
		_, err := r.archive().exec(ctx, id, "bash", "-c", allArchived)
		return err
	})
	if err == nil {
		err = r.write(kind, journal{New: volumes{usualData: r.after[usualData]}, Old: r.former})
	}
	if err != nil {
		r.report.Warn(fmt.Sprintf("volume %s stays, since the archive may lack what was written last: %v; remove it, once "+
			"nobody misses that, with: %s volume rm %s", t.volume, err, kind, t.volume))
	}
	return context.Cause(ctx)
}
