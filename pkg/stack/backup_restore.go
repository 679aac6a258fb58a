package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// RestoredData is what a restore did, as a value for machines.
type RestoredData struct {
	File     string    `json:"file"`
	Created  time.Time `json:"created"` // when the database was as it is now
	Database string    `json:"database"`
	Tables   int       `json:"tables"`
	Rows     int64     `json:"rows"`
	Services []string  `json:"services"` // that run, and use it now
}

// Restore replaces the own database by a backup, after a question. The backup is checked, restored into a volume of its
// own and compared with what it says, all while the present database serves; only then does it take its place. Until
// the restored one serves, whatever goes wrong leaves the present one.
func (s *Stack) Restore(ctx context.Context, file string, yes bool) error {
	const target = "db:restore"
	if s.External() {
		return s.refused(target, &UsageError{Reason: "DATABASE_URL is set, and only Poststack's own database is restored into: " +
			"leave it out, or restore into that one by hand, as docs/backup.md says"})
	}
	path, m, err := s.judge(ctx, s.Sink.For(target), file)
	if err != nil {
		return s.refused(target, err)
	}
	if !yes {
		text := fmt.Sprintf("all that is in database %q now is replaced by what was in database %q at %s (%d tables with %d rows); go on? (yes/no)",
			s.Config.Database.Name, m.Header.Database, m.Header.Created.Local().Format(time.DateTime), len(m.Rows), rowsOf(m.Rows))
		if err := s.question(ctx, target, text, "nothing was changed"); err != nil {
			return err
		}
	}
	return s.run(ctx, target, Database, func(ctx context.Context, r event.Reporter) (ended, error) {
		e, err := s.engine(ctx)
		if err != nil {
			return ended{}, err
		}
		if err := s.settle(ctx, e, r); err != nil {
			return ended{}, err
		}
		running, err := s.restore(ctx, e, r, path)
		if err != nil {
			return ended{}, err
		}
		data := RestoredData{
			File: path, Created: m.Header.Created, Database: m.Header.Database, Tables: len(m.Rows), Rows: rowsOf(m.Rows), Services: running,
		}
		text := fmt.Sprintf("database %q is as it was at %s: %d tables with %d rows", s.Config.Database.Name,
			m.Header.Created.Local().Format(time.DateTime), data.Tables, data.Rows)
		if len(running) > 0 {
			text += "; used by " + strings.Join(running, ", ")
		}
		return ended{Outcome: event.Done, Text: text, Data: data}, nil
	})
}

// judge finds a backup, by its path or by its name in the directory of backups, and reads all of it.
func (s *Stack) judge(ctx context.Context, r event.Reporter, name string) (path string, m backup.Manifest, err error) {
	refuse := func(err error) error {
		return &UsageError{Reason: fmt.Sprintf("read backup %q: %v; nothing was changed", name, err)}
	}
	path = name
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && filepath.Base(name) == name {
		path = filepath.Join(s.Config.BackupDir(), name)
	}
	if path, err = filepath.Abs(path); err != nil {
		return path, m, refuse(err)
	}
	h, err := headerOf(path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("there is no such file, here or in %s; mage db:backups lists those that there are", s.Config.BackupDir())
	}
	if err != nil {
		return path, m, refuse(err)
	}
	k, err := s.keys()
	if err != nil {
		return path, m, err
	}
	if h.Encrypted && len(k.identities) == 0 {
		return path, m, refuse(errors.New("it is encrypted: set backup.identity (POSTSTACK_BACKUP_IDENTITY) to the file with the age identity that opens it"))
	}
	r.Step("reading " + path)
	file, err := os.Open(path)
	if err != nil {
		return path, m, refuse(err)
	}
	defer func() { _ = file.Close() }()
	m, err = backup.Read(during{ctx, file}, k.identities, func(string, io.Reader) error { return nil })
	switch {
	case ctx.Err() != nil:
		return path, m, context.Cause(ctx)
	case errors.Is(err, backup.ErrNoIdentity):
		err = fmt.Errorf("no identity of %s opens it: set backup.identity (POSTSTACK_BACKUP_IDENTITY) to the one of its recipients", s.Config.Backup.Identity)
	}
	if err != nil {
		return path, m, refuse(err)
	}
	return path, m, nil
}

// restore fills a new volume, and has it serve in the place of the present one. It returns the services that use it.
func (s *Stack) restore(ctx context.Context, e Engine, r event.Reporter, path string) (running []string, err error) {
	kind := e.Info().Kind
	declared, target, err := s.ownService(ctx, e, r)
	if err != nil {
		return nil, err
	}
	old, err := s.dataVolume(kind)
	if err != nil {
		return nil, err
	}
	change := journal{New: "data-" + strconv.FormatInt(time.Now().UnixMilli(), 36), Old: old}
	if found, err := e.VolumeInspect(ctx, s.services().Volume(old)); err != nil || found.Labels[container.LabelStack] == "" {
		change.Old = "" // there is none, or people have made it: it stays
	}
	t := &trial{
		Stack: s, report: r, engine: e, image: declared.Spec.Image, volume: s.services().Volume(change.New), password: target.Password,
	}
	if t.keys, err = s.keys(); err != nil {
		return nil, err
	}
	if err := s.begin(kind, change); err != nil {
		return nil, err
	}
	defer func() { // the present volume stays, or the former one goes
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		err = errors.Join(err, s.settle(ctx, e, event.Reporter{}))
	}()
	if err := e.VolumeCreate(ctx, t.volume, declared.Owner.Labels(postgresImage)); err != nil {
		return nil, err
	}
	r.Step("restoring into volume " + t.volume)
	err = t.with(ctx, func(ctx context.Context) error {
		if err := t.load(ctx, path); err != nil {
			return err
		}
		return s.keepLogins(ctx, r, t.target)
	})
	if err != nil {
		return nil, fmt.Errorf("restore %q: %w; the database is as it was", path, err)
	}
	if err := s.swap(ctx, e, r, change.New, old); err != nil {
		return nil, err
	}
	return s.usedBy(ctx, e)
}

// swap has the database serve from another volume. When that does not work, it serves from the one before again.
func (s *Stack) swap(ctx context.Context, e Engine, r event.Reporter, to, from string) error {
	kind := e.Info().Kind
	before, err := container.Find(ctx, e, s.containerName())
	if err != nil {
		return err
	}
	if before.ID != "" {
		r.Step("stopping " + before.Name)
		err = container.Stop(ctx, e, before, s.Config.Timeout.Stop)
	}
	if err == nil {
		err = s.useData(kind, to)
	}
	if err == nil {
		_, err = s.startOwn(ctx, e, r)
	}
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Config.Timeout.Stop+s.Config.Timeout.Start)
	defer cancel()
	back := s.useData(kind, from)
	if back == nil && before.State == engine.Running {
		_, back = s.startOwn(ctx, e, r)
	}
	return errors.Join(fmt.Errorf("start the restored database: %w; the one before is back", err), back)
}

// eachLogin does something for each service that signs in to the database, or did.
func (s *Stack) eachLogin(do func(image.Definition) error) error {
	images, err := s.catalogue()
	if err != nil {
		return err
	}
	for _, name := range declaredServices(images) {
		d, err := images.Get(name)
		if err != nil {
			return err
		}
		if _, none := os.Stat(s.secretPath(name, "database")); d.Service.Database == nil || none != nil {
			continue
		}
		if err := do(d); err != nil {
			return err
		}
	}
	return nil
}

// keepLogins lets the services of this stack sign in to a restored database as they do now: their roles are the
// server's, and in no backup.
func (s *Stack) keepLogins(ctx context.Context, r event.Reporter, admin database.Target) error {
	return s.eachLogin(func(d image.Definition) error {
		password, err := s.serviceSecret(d.Name, "database")
		if err != nil {
			return err
		}
		login := database.Target{User: s.loginRole(d.Name), Password: password}
		if err := s.makeLogin(ctx, admin, login, d.Service.Database.Role); err != nil {
			r.Warn(fmt.Sprintf("service %s cannot sign in to the restored database: %v", d.Name, err))
		}
		return nil
	})
}

// usedBy waits until the services that run are healthy with the database, and names them.
func (s *Stack) usedBy(ctx context.Context, e Engine) ([]string, error) {
	names := []string{}
	return names, s.eachLogin(func(d image.Definition) error {
		c, err := s.serviceContainer(ctx, e, d.Name)
		if err == nil && c.State == engine.Running {
			names = append(names, d.Name)
		}
		return err
	})
}
