package stack

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// recovering is a recovery under way: a restore from an archive.
type recovering struct {
	*restoring

	former volumes // that are replaced
	data   RecoveredData
}

func (r *recovering) do(ctx context.Context) error {
	t, owner, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	t.archive = true
	if err := r.chooseBase(ctx, t); err != nil {
		return err
	}
	if err := r.push(ctx); err != nil {
		r.report.Warn(fmt.Sprintf("the archive may lack what was written last: %v", err))
	}
	change, err := r.plan(ctx)
	if err != nil {
		return err
	}
	r.former, change.Old = change.Old, volumes{} // until [recovering.release] knows that they may go
	t.volume = r.services().Volume(change.New[usualData])
	r.data.Services, err = r.replace(ctx, change, func() error {
		if err := r.fill(ctx, t, owner); err != nil {
			return fmt.Errorf("recover %s: %w; all is as it was", r.data.Time.Format(time.RFC3339Nano), err)
		}
		return nil
	}, func() error { return r.release(ctx, *t) })
	r.data.Before = r.last
	return err
}

// archive is that of the database.
func (r *restoring) archive() archived { return archived{r.Stack, r.engine} }

// chooseBase finds the base backup, and refuses a time before the first one.
func (r *recovering) chooseBase(ctx context.Context, t *trial) error {
	return r.inside(ctx, t, "", func(id engine.ContainerID) error {
		bases, err := r.archive().bases(ctx, id)
		if err != nil {
			return fmt.Errorf("%w; nothing was changed", err)
		}
		img, err := r.engine.ImageInspect(ctx, t.image)
		if err != nil {
			return err
		}
		major, err := r.majorOf(ctx, r.engine, img.ID)
		if err != nil {
			return err
		}
		var base baseBackup
		for _, b := range bases {
			if b.stop().Before(r.data.Time) {
				base = b
			}
		}
		r.data.Base = base.Label
		switch {
		case len(bases) == 0:
			return badUsage("the archive has no base backup yet: mage db:backup -base makes one; nothing was changed")
		case r.data.Base == "":
			return badUsage("%s is before the oldest base backup, which is of %s; nothing was changed",
				r.data.Time.Format(time.RFC3339), bases[0].stop().Format(time.RFC3339))
		case base.major != major:
			return badUsage("the base backup before %s is of PostgreSQL %s, and the image has %s, which cannot read it; "+
				"nothing was changed", r.data.Time.Format(time.RFC3339), base.major, major)
		}
		return nil
	})
}

// inside has a container of the server's image that has the archive and waits, with a volume if one is named.
func (r *recovering) inside(
	ctx context.Context, t *trial, volume string, do func(engine.ContainerID) error,
) error {
	spec, err := t.spec(ctx)
	if err != nil {
		return err
	}
	spec.Ports, spec.StopTimeout = nil, 0
	if volume == "" {
		spec.Mounts = spec.Mounts[1:]
	}
	return idle(ctx, r.engine, postgresImage, spec, do)
}

// push has the archive take what was committed.
func (r *recovering) push(ctx context.Context) error {
	if r.mark(ctx) == nil {
		return nil // there is no server that would
	}
	target, err := r.Target(ctx)
	if err != nil {
		return err
	}
	user, err := r.archive().serverUser(ctx, target)
	if err == nil {
		_, err = r.archive().run(ctx, r.server.ID, user, "check")
	}
	return err
}

// mark commits something, and tells when: a recovery ends at the first commit after its time, and this is one for all
// that was committed before. Without a server that answers and has an archive it is nil.
func (r *restoring) mark(ctx context.Context) *time.Time {
	if r.server.State != engine.Running || r.Config.Database.Archive == "" {
		return nil
	}
	target, err := r.Target(ctx)
	if err != nil {
		return nil
	}
	var now time.Time
	err = r.sessions.Use(ctx, target, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select clock_timestamp() from pg_current_xact_id()`).Scan(&now)
	})
	if err != nil {
		return nil
	}
	return &now
}

// fill makes the volume, and has in it what the archive has.
func (r *recovering) fill(ctx context.Context, t *trial, owner container.Owner) error {
	if err := r.engine.VolumeCreate(ctx, t.volume, owner.Labels(postgresImage)); err != nil {
		return err
	}
	r.report.Step("recovering into volume " + t.volume + " from base backup " + r.data.Base)
	err := r.inside(ctx, t, t.volume, func(id engine.ContainerID) error {
		_, err := r.archive().exec(ctx, id, "recover", r.archive().stanza(), r.data.Base,
			r.data.Time.UTC().Format("2006-01-02 15:04:05.999999+00"))
		return err
	})
	if err != nil {
		return err
	}
	return t.with(ctx, func(ctx context.Context) error { return r.look(ctx, t) })
}

// look has the recovered database take the logins of today, and tells what it holds.
func (r *recovering) look(ctx context.Context, t *trial) error {
	if err := r.adopt(ctx, t); err != nil {
		return err
	}
	server := &client{inside: inside{r.Stack, r.engine, t.c.ID}, dbname: localName(t.target)}
	var schema bytes.Buffer
	if err := server.run(ctx, &schema, "pg_dump", "--schema-only"); err != nil {
		return err
	}
	r.data.Database, r.data.Schema = t.target.Database, backup.Fingerprint(backup.Schema(schema.Bytes()))
	return r.sessions.Use(ctx, t.target, func(ctx context.Context, conn *pgx.Conn) error {
		return atOneMoment(ctx, conn, func(moment snapshot) error {
			rows, err := countRows(ctx, moment.tx)
			r.data.Tables, r.data.Rows = len(rows), rowsOf(rows)
			return err
		})
	})
}

// anew makes a base backup of what serves now, if there is an archive: a recovery to a later time begins there.
func (r *restoring) anew(ctx context.Context) {
	if r.Config.Database.Archive == "" {
		return
	}
	r.report.Step("making a base backup of what serves now")
	c, err := r.runningDatabase(ctx)
	if err == nil {
		target, unknown := r.Target(ctx)
		if err = unknown; err == nil {
			_, err = r.archive().base(ctx, c.ID, target)
		}
	}
	if err != nil {
		r.report.Warn(fmt.Sprintf("%v; until there is one, no recovery reaches what is written from now on: "+
			"mage db:backup -base", err))
	}
}
