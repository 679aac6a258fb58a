package stack

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/service"
)

// trial is a server of its own on an empty volume, which a backup is restored into and compared with.
type trial struct {
	*Stack
	report   event.Reporter
	engine   Engine
	image    engine.Ref
	volume   string // the engine's name of it
	password secret.Value
	keys     keys
	take     func(ctx context.Context, member string, r io.Reader) error // of volumes; nil leaves them

	archive  bool // it keeps its log for an archive
	sameDump bool // the text of the schema is of the image's own pg_dump

	c      engine.Container
	target database.Target
}

// verify restores a backup into a volume that is removed afterwards.
func (b *taking) verify(ctx context.Context, path string) (err error) {
	t := &trial{
		Stack: b.Stack, report: b.report, engine: b.engine, image: b.image, keys: b.keys,
		volume: "poststack-disposable-" + strings.ToLower(rand.Text()[:12]), password: secret.Value(rand.Text()),
	}
	if err := b.engine.VolumeCreate(ctx, t.volume, container.DisposableLabels()); err != nil {
		return err
	}
	defer func() { // also after ctx has ended
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		err = errors.Join(err, t.engine.VolumeRemove(ctx, t.volume))
	}()
	t.take = t.look
	return t.with(ctx, func(ctx context.Context) error { return t.load(ctx, path) })
}

// look reads what a volume would be filled with.
func (t *trial) look(ctx context.Context, _ string, r io.Reader) error {
	return inside{t.Stack, t.engine, t.c.ID}.read(ctx, r, "sh", "-c", "tar --list --gzip >/dev/null")
}

// with has the server running while do lasts. It is stopped in order if do went well.
func (t *trial) with(ctx context.Context, do func(context.Context) error) error {
	spec, err := t.spec(ctx)
	if err != nil {
		return err
	}
	return made(ctx, t.engine, spec, func(id engine.ContainerID) error {
		err := t.engine.ContainerStart(ctx, id)
		if err == nil {
			t.c, err = t.engine.ContainerInspect(ctx, string(id))
		}
		if err != nil {
			return err
		}
		if len(t.c.Ports) == 0 {
			return service.Alive(t.engine, id)(ctx)
		}
		t.target.Port = t.c.Ports[0].Host
		if err = t.await(ctx, t.engine, t.c, t.target); err == nil {
			err = do(ctx)
		}
		if err == nil {
			err = t.stop(ctx, id)
		}
		return err
	})
}

// stop ends the server as people end theirs: what it leaves needs no recovery.
func (t *trial) stop(ctx context.Context, id engine.ContainerID) error {
	if err := t.engine.ContainerStop(ctx, id, t.Config.Timeout.Stop); err != nil {
		return err
	}
	c, err := t.engine.ContainerInspect(ctx, string(id))
	if err == nil && c.ExitCode != 0 {
		err = fmt.Errorf("stop the restored database: it %s", container.Fault(c))
	}
	return err
}

// spec is the own database's container, apart from what others would see of it.
func (t *trial) spec(ctx context.Context) (spec engine.ContainerSpec, err error) {
	definition, err := t.definition(postgresImage)
	if err != nil {
		return spec, err
	}
	place, err := t.declaredDatabase()
	if err != nil {
		return spec, err
	}
	t.Secrets.Add(t.password.Reveal())
	run := service.Run{Image: t.image, StopTimeout: t.Config.Timeout.Stop}
	run.Secrets = map[string][]byte{place.password.Name: []byte(t.password.Reveal())}
	declared, err := t.services().Declare(definition, run)
	spec = declared.Spec
	spec.Name, spec.Network, spec.Aliases = "", "", nil
	spec.Env["POSTGRES_ELEVATED"] = "yes" // whatever it holds can be read and made; the next start without it ends that
	spec.Labels = container.DisposableLabels()
	spec.Labels[container.LabelRole] = postgresImage
	spec.Mounts = []engine.Mount{{Volume: t.volume, Target: place.data.Path}}
	spec.Ports = []engine.Port{{Container: place.port.Port, HostIP: service.Loopback}}
	if t.archive {
		if err := (archived{t.Stack, t.engine}).put(ctx, &spec, false); err != nil {
			return spec, err
		}
	}
	t.target = database.Target{
		Host: service.Loopback, User: t.Config.Database.User, Password: t.password, Database: t.Config.Database.Name,
		SSLMode: "disable", ConnectTimeout: database.DefaultConnectTimeout,
	}
	return spec, err
}

// load restores a backup, and compares what is there then with what it says.
func (t *trial) load(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	h, err := headerOf(path)
	if err != nil {
		return err
	}
	return t.loadFrom(ctx, during{ctx, file}, h.User)
}

// loadFrom restores a backup of a database that owner owned as it is read.
func (t *trial) loadFrom(ctx context.Context, in io.Reader, owner string) error {
	conn, err := t.target.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	server := &client{inside: inside{t.Stack, t.engine, t.c.ID}, dbname: localName(t.target)}
	var schema []byte
	m, err := backup.Read(in, t.keys.identities, func(name string, r io.Reader) (err error) {
		switch name {
		case rolesMember:
			return t.makeRoles(ctx, conn, owner, r)
		case schemaMember:
			schema, err = io.ReadAll(r)
			return err
		case dumpMember:
			return server.read(ctx, r, server.named([]string{"pg_restore", "--exit-on-error"})...)
		}
		if t.take != nil {
			return t.take(ctx, name, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err = t.compare(ctx, conn, server, m, schema); err == nil {
		err = t.finish(ctx, conn, m.Header.User)
	}
	return err
}

// compare holds the restored database to the backup: the rows of each table, and the text of the schema where both were
// written by the same version.
func (t *trial) compare(ctx context.Context, conn *pgx.Conn, server *client, m backup.Manifest, schema []byte) error {
	t.report.Step("comparing what was restored")
	var here backup.Header
	err := atOneMoment(ctx, conn, func(moment snapshot) (err error) {
		if here, err = moment.header(ctx); err != nil {
			return err
		}
		rows, err := countRows(ctx, moment.tx)
		if err != nil {
			return err
		}
		if differ := rowsDiffer(m.Rows, rows); differ != "" {
			return fmt.Errorf("what was restored is not what was backed up: %s", differ)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if here.Major != m.Header.Major && !t.sameDump {
		t.report.Notice(fmt.Sprintf("the backup is of PostgreSQL %s and this is %s: "+
			"rows were compared, the text of the schema cannot be", m.Header.Server, here.Server))
		return nil
	}
	var text bytes.Buffer
	if err := server.run(ctx, &text, "pg_dump", "--schema-only"); err != nil {
		return err
	}
	restored := backup.Schema(text.Bytes())
	if here.Major != m.Header.Major {
		schema, restored = backup.Unqualified(schema), backup.Unqualified(restored)
	}
	if wanted, found := backup.Difference(schema, restored); wanted != found {
		return fmt.Errorf("the schema that was restored is not the one that was backed up: %q instead of %q", found, wanted)
	}
	return nil
}

// finish gives the database to our own user, and has it know its rows as a database that has been used does.
func (t *trial) finish(ctx context.Context, conn *pgx.Conn, owner string) error {
	statements := []string{"analyze"}
	if owner != t.target.User {
		from, to := pgx.Identifier{owner}.Sanitize(), pgx.Identifier{t.target.User}.Sanitize()
		statements = append(statements, "reassign owned by "+from+" to "+to, "drop owned by "+from, "drop role "+from)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("finish the restored database: %w", err)
		}
	}
	return nil
}
