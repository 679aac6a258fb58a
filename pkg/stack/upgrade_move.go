package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/secret"
)

// upgrading is an upgrade under way, or the way back. It is a restore whose backup is never a file: the old volume is
// read while the new one is filled.
type upgrading struct {
	*restoring

	image      engine.Ref // that is to serve
	owner      container.Owner
	password   secret.Value
	has, wants string // major versions of the data and of the image
	kept       former

	rows map[string]int64
}

// data is what was done.
func (up *upgrading) data(running []string) UpgradedData {
	data := UpgradedData{
		From: up.has, To: up.wants, Volume: up.volumeName(up.engine.Info().Kind), Tables: len(up.rows), Rows: rowsOf(up.rows),
		Services: append([]string{}, running...),
	}
	if up.kept.Volume != "" {
		data.Kept = up.services().Volume(up.kept.Volume)
	}
	return data
}

// upgrade fills a new volume from the old one and has it serve. Nobody writes to the old one meanwhile: the server that
// clients know is stopped, and services wait for the database as they do when it restarts.
func (s *Stack) upgrade(ctx context.Context, up *upgrading) (how ended, err error) {
	if up.has == up.wants {
		text := fmt.Sprintf("the database is of PostgreSQL %s, as the image is%s", up.has, up.keptText())
		return ended{Outcome: event.Unchanged, Text: text, Data: up.data(nil)}, nil
	}
	old, err := up.oldImage(ctx)
	if err != nil {
		return how, err
	}
	up.after = maps.Clone(up.before)
	up.after[usualData] = usualData + newGeneration()
	change := journal{New: volumes{usualData: up.after[usualData]}, Old: volumes{}}
	former := former{Volume: volumeOf(up.before, usualData), Major: up.has}
	running, err := up.replace(ctx, change, func() error {
		err := up.stopServer(ctx)
		if err == nil {
			err = up.move(ctx, old)
		}
		former.Since = time.Now()
		if err == nil {
			err = keepJSON("former volume", up.formerFile(up.engine.Info().Kind), former)
		}
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), up.Config.Timeout.Start)
			defer cancel()
			return errors.Join(fmt.Errorf("%w; all is as it was", err), up.startServer(ctx))
		}
		return nil
	}, nil)
	if err != nil {
		return how, err
	}
	up.kept = former
	data := up.data(running)
	text := fmt.Sprintf("PostgreSQL %s instead of %s: %d tables with %d rows, compared%s",
		up.wants, up.has, data.Tables, data.Rows, up.keptText())
	return ended{Outcome: event.Done, Text: text, Data: data}, nil
}

// oldImage is an image that reads the data: the container's, or the newest, which knows how a trial is prepared.
func (up *upgrading) oldImage(ctx context.Context) (engine.Ref, error) {
	if up.kept.Volume != "" {
		return "", badUsage("volume %s of PostgreSQL %s is still there from the upgrade before: "+
			"remove it with mage db:upgrade -dropOld", up.services().Volume(up.kept.Volume), up.kept.Major)
	}
	if older(up.wants, up.has) {
		return "", badUsage("the database is of PostgreSQL %s, and the image has %s: "+
			"no version reads a dump of a newer one; set POSTSTACK_DEBIAN_SUITE to the suite that has %s",
			up.has, up.wants, up.has)
	}
	found, err := up.engine.ImageList(ctx, image.LabelImage+"="+postgresImage)
	if err != nil {
		return "", err
	}
	slices.SortFunc(found, func(a, b engine.Image) int { return b.Created.Compare(a.Created) })
	if up.server.ID != "" {
		found = append([]engine.Image{{ID: up.server.Image}}, found...)
	}
	for _, img := range found {
		if major, err := up.majorOf(ctx, up.engine, img.ID); err == nil && major == up.has {
			return engine.Ref(img.ID), nil
		}
	}
	return "", badUsage("no image with PostgreSQL %s is left, which alone reads volume %s: "+
		"build it with mage build:postgres, with POSTSTACK_DEBIAN_SUITE set to the suite that has %s "+
		"(bookworm has 15, trixie 17)", up.has, up.volumeName(up.engine.Info().Kind), up.has)
}

// trial is a server that nobody else knows.
func (up *upgrading) trial(of engine.Ref, volume string) *trial {
	return &trial{
		Stack: up.Stack, report: up.report, engine: up.engine, image: of, password: up.password, sameDump: true,
		volume: up.services().Volume(volume),
	}
}

// move fills the new volume, with both servers running, and compares.
func (up *upgrading) move(ctx context.Context, oldImage engine.Ref) error {
	from := up.trial(oldImage, volumeOf(up.before, usualData))
	to := up.trial(up.image, up.after[usualData])
	if err := up.engine.VolumeCreate(ctx, to.volume, up.owner.Labels(postgresImage)); err != nil {
		return err
	}
	return from.with(ctx, func(ctx context.Context) error {
		return to.with(ctx, func(ctx context.Context) error {
			if err := up.refuse(ctx, from, to); err != nil {
				return err
			}
			up.report.Step(fmt.Sprintf("moving the database into volume %s", to.volume))
			if err := up.pour(ctx, from, to); err != nil {
				return err
			}
			return up.compareServers(ctx, from, to)
		})
	})
}

// pour restores a backup while it is made. The programs are those of the new version, also for the old server: so the
// texts of both schemas can be compared.
func (up *upgrading) pour(ctx context.Context, from, to *trial) error {
	take := &taking{
		Stack: up.Stack, report: up.report, engine: up.engine, target: from.target, image: up.image, without: []string{},
	}
	in, out := io.Pipe()
	group, both := errgroup.WithContext(ctx)
	var loaded error
	group.Go(func() error {
		made, err := take.write(both, out)
		up.rows = made.rows
		_ = out.CloseWithError(err) // never fails
		return err
	})
	group.Go(func() error {
		loaded = to.loadFrom(both, in, from.target.User)
		_ = in.CloseWithError(loaded)
		return loaded
	})
	err := group.Wait()
	if loaded != nil && ctx.Err() == nil { // that one writes to a pipe that is closed is not why
		return loaded
	}
	return err
}

// refuse refuses what would not come along, and a volume on which there is not enough room: for the data, and for as
// much of the log as is written with it.
func (up *upgrading) refuse(ctx context.Context, from, to *trial) error {
	var size int64
	var others []string
	err := up.sessions.Use(ctx, from.target, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select sum(pg_database_size(oid)), coalesce(array_agg(datname order by datname)
			filter (where not datistemplate and datname <> current_database()), '{}') from pg_database`).Scan(&size, &others)
	})
	if err == nil {
		others, err = withTables(ctx, from.target, others)
	}
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return badUsage("the server has other databases, which would be left behind: %s; "+
			"take them elsewhere (pg_dump), and remove them here", strings.Join(others, ", "))
	}
	place, err := up.declaredDatabase()
	if err != nil {
		return err
	}
	res, err := up.engine.ContainerExec(ctx, to.c.ID, engine.ExecSpec{
		Command: []string{"df", "--block-size=1", "--output=avail", place.data.Path},
	})
	if err != nil {
		return err
	}
	_, avail, _ := strings.Cut(strings.TrimSpace(res.Stdout), "\n") // below the title
	free, err := strconv.ParseInt(strings.TrimSpace(avail), 10, 64)
	if err != nil {
		return fmt.Errorf("read how much room there is: %w: %s", err, strings.TrimSpace(res.Stderr))
	}
	return enough(size, free)
}

// withTables are those of some databases of a server that hold something. A new server has one that holds nothing.
func withTables(ctx context.Context, target database.Target, names []string) (found []string, err error) {
	for _, name := range names {
		target.Database = name
		conn, err := target.Connect(ctx)
		if err != nil {
			return nil, err
		}
		var holds bool
		err = conn.QueryRow(ctx, `select exists (select from pg_class where relnamespace not in (select oid from pg_namespace
			where nspname ~ '^pg_' or nspname = 'information_schema'))`).Scan(&holds)
		if err = errors.Join(err, conn.Close(ctx)); err != nil {
			return nil, err
		}
		if holds {
			found = append(found, name)
		}
	}
	return found, nil
}

// maxLog is how much of its log PostgreSQL keeps beside what is being restored (max_wal_size).
const maxLog = 1 << 30

func enough(size, free int64) error {
	if needed := size + min(size, maxLog); free < needed {
		return badUsage("the database takes %s, and a second one up to %s, of which %s are free: "+
			"make room", units.HumanSize(float64(size)), units.HumanSize(float64(needed)), units.HumanSize(float64(free)))
	}
	return nil
}
