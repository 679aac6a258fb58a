package stack

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/session"
)

// taking is a backup being made.
type taking struct {
	*Stack
	report event.Reporter
	keys   keys
	engine Engine
	target database.Target
	image  engine.Ref         // with the programs
	server engine.ContainerID // of the own database; "" if another one, or a trial, is read
	dir    string

	volumes []backedVolume // beside the database
	without []string       // roles that are left out
}

// newBackup has what a backup needs.
func (s *Stack) newBackup(ctx context.Context, r event.Reporter, o BackupOptions) (b *taking, err error) {
	b = &taking{Stack: s, report: r, without: s.loginRoles()}
	if b.dir, err = s.backupDir(o.To); err != nil {
		return nil, err
	}
	if o.Base && (s.External() || s.Config.Database.Archive == "") {
		return nil, badUsage("-base needs the archive of Poststack's own database: set database.archive " +
			"(POSTSTACK_DATABASE_ARCHIVE)")
	}
	if b.keys, err = s.keys(); err != nil {
		return nil, err
	}
	if o.Verify && len(b.keys.recipients) > 0 && len(b.keys.identities) == 0 {
		return nil, badUsage("-verify reads the backup again: set backup.identity (POSTSTACK_BACKUP_IDENTITY) to a file " +
			"that opens it")
	}
	if b.engine, err = s.engine(ctx); err != nil {
		return nil, err
	}
	if b.target, err = s.Target(ctx); err != nil {
		return nil, err
	}
	if b.target.Socket() != "" {
		return nil, badUsage("DATABASE_URL names a socket, which pg_dump of the image cannot reach: name the server's host " +
			"and port")
	}
	if o.All {
		if b.volumes, err = b.presentVolumes(ctx); err != nil {
			return nil, err
		}
	}
	if s.External() {
		b.image, err = s.imageRef(postgresImage)
		return b, err
	}
	running, err := s.runningDatabase(ctx)
	b.image, b.server = engine.Ref(running.Image), running.ID
	return b, err
}

// taken is a backup that is whole, in its place.
type taken struct {
	path   string
	bytes  int64
	header backup.Header
	rows   map[string]int64
}

// otherBackupDir is what to do where a backup cannot be.
const otherBackupDir = "choose another directory with -to or POSTSTACK_BACKUP_DIR"

// backupFile is a backup that is being written, and why that failed: the database is not to blame then.
type backupFile struct {
	to  *os.File // not embedded: its other ways to write would go past Write
	err error
}

func (f *backupFile) Write(p []byte) (int, error) {
	n, err := f.to.Write(p)
	f.err = cmp.Or(f.err, err)
	return n, err
}

// make writes the backup under another name, and gives it its own when all of it is on the disk.
func (b *taking) make(ctx context.Context) (made taken, err error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return made, badUsage("make directory for backups: %v; %s", err, otherBackupDir)
	}
	session.SweepTemp(b.dir, "unfinished")                        // of runs that were killed
	file, err := os.CreateTemp(b.dir, session.Temp("unfinished")) // mode 0600
	if err != nil {
		return made, badUsage("write backup: %v; %s", err, otherBackupDir)
	}
	out := &backupFile{to: file}
	defer func() { // it is not there any more if all went well
		_ = file.Close()
		_ = os.Remove(file.Name())
	}()
	b.report.Step("reading " + b.target.Place())
	if made, err = b.write(ctx, out); out.err != nil {
		return made, badUsage("write backup: %v; make room there, or %s", out.err, otherBackupDir)
	} else if err != nil {
		return made, fmt.Errorf("back up %s: %w", b.target.Place(), err)
	}
	info, err := file.Stat()
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		made.bytes = info.Size()
		made.path = filepath.Join(b.dir, backupName(made.header.Stack, made.header.Created))
		err = os.Rename(file.Name(), made.path)
	}
	if err == nil {
		err = syncDir(b.dir)
	}
	if err != nil {
		return made, fmt.Errorf("write backup: %w", err)
	}
	return made, nil
}

// write writes the database into out, as it is at one moment.
func (b *taking) write(ctx context.Context, out io.Writer) (made taken, err error) {
	err = b.sessions.Use(ctx, b.target, func(ctx context.Context, conn *pgx.Conn) error {
		return b.programs(ctx, conn, func(c *client) error {
			return atOneMoment(ctx, conn, func(moment snapshot) (err error) {
				made, err = b.members(ctx, c, moment, out)
				return err
			})
		})
	})
	return made, err
}

// header says what the backup is of.
func (b *taking) header(ctx context.Context, moment snapshot) (backup.Header, error) {
	h, err := moment.header(ctx)
	if err != nil {
		return h, err
	}
	h.Poststack, h.Created, h.Stack = version(), time.Now(), b.Config.Stack
	for _, v := range b.volumes {
		h.Volumes = append(h.Volumes, v.Name)
	}
	h.Place, _, err = b.backedUpFrom()
	return h, err
}

// members writes the members. The rows are counted while they are dumped.
func (b *taking) members(ctx context.Context, c *client, moment snapshot, out io.Writer) (made taken, err error) {
	if made.header, err = b.header(ctx, moment); err != nil {
		return made, err
	}
	roles, err := c.roles(ctx, moment, made.header.User, !b.External(), b.without)
	if err != nil {
		return made, err
	}
	var text bytes.Buffer
	if err := c.run(ctx, &text, "pg_dump", "--schema-only", "--snapshot="+moment.id); err != nil {
		return made, err
	}
	schema := backup.Schema(text.Bytes())
	made.header.Schema = backup.Fingerprint(schema)
	w, err := backup.Create(out, made.header, b.keys.recipients)
	if err == nil {
		err = w.Member(rolesMember, plain(roles))
	}
	if err == nil {
		err = w.Member(schemaMember, plain(string(schema)))
	}
	if err != nil {
		return made, err
	}
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		made.rows, err = c.count(both, moment)
		return err
	})
	group.Go(func() error {
		return w.Member(dumpMember, func(out io.Writer) error {
			return c.run(both, out, "pg_dump", "--format=custom", "--snapshot="+moment.id)
		})
	})
	if err := group.Wait(); err != nil {
		return made, err
	}
	if err := b.pack(ctx, w); err != nil {
		return made, err
	}
	made.header.Encrypted = len(b.keys.recipients) > 0
	return made, w.Close(made.rows)
}

// loginRoles are the roles that services of this stack sign in as.
func (s *Stack) loginRoles() []string {
	names := []string{}
	services, _ := s.servicesHere() // where there is no catalogue, nobody has a role
	for _, d := range services {
		names = append(names, s.loginRole(d.Name))
	}
	return names
}

// version is that of this program, as far as the compiler knew it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
