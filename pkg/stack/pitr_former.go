package stack

import (
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/engine"
)

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
