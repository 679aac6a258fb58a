package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/event"
)

// RestoredData is what a restore did, as a value for machines.
type RestoredData struct {
	File     string    `json:"file"`
	Created  time.Time `json:"created"` // when the database was as it is now
	Database string    `json:"database"`
	Tables   int       `json:"tables"`
	Rows     int64     `json:"rows"`
	Services []string  `json:"services"` // that run, and use it now
	Volumes  []string  `json:"volumes"`  // that were restored too
	// Unmatched is what volumes and database do not both know.
	Unmatched []UnmatchedData `json:"unmatched"`
}

// RestoreOptions say what is restored.
type RestoreOptions struct {
	All bool // volumes of services too
	Yes bool // nobody is asked
}

// Restore replaces the own database by a backup, after a question. The backup is checked, restored into a volume of its
// own and compared with what it says, all while the present database serves; only then does it take its place. Until
// the restored one serves, whatever goes wrong leaves the present one.
func (s *Stack) Restore(ctx context.Context, file string, o RestoreOptions) error {
	const target = "db:restore"
	if s.External() {
		return s.refused(target,
			badUsage("DATABASE_URL is set, and only Poststack's own database is restored into: "+
				"leave it out, or restore into that one by hand, as docs/backup.md says"))
	}
	path, m, err := s.judge(ctx, s.Sink.For(target), file)
	if err != nil {
		return s.refused(target, err)
	}
	volumes, err := s.choose(m.Header, o.All)
	if err != nil {
		return s.refused(target, err)
	}
	text := fmt.Sprintf("all that is in %s now is replaced by what was in database %q at %s (%s); go on? (yes/no)",
		s.naming(volumes), m.Header.Database, m.Header.Created.Local().Format(time.DateTime), holds(m.Header, m.Rows))
	if err := s.question(ctx, target, o.Yes, text, "nothing was changed"); err != nil {
		return err
	}
	return s.replacing(ctx, target, func(ctx context.Context, r *restoring) (ended, error) {
		r.path, r.volumes = path, volumes
		running, err := r.do(ctx)
		if err != nil {
			return ended{}, err
		}
		return r.told(m, running), nil
	})
}

// told is what was done.
func (r *restoring) told(m backup.Manifest, running []string) ended {
	data := RestoredData{
		File: r.path, Created: m.Header.Created, Database: m.Header.Database, Tables: len(m.Rows), Rows: rowsOf(m.Rows),
		Services: running,
		Volumes:  []string{}, Unmatched: append([]UnmatchedData{}, r.unmatched...),
	}
	for _, v := range r.volumes {
		data.Volumes = append(data.Volumes, v.Name)
	}
	for _, u := range data.Unmatched {
		r.report.Notice(fmt.Sprintf("%s: %s", u.What, strings.Join(u.Names, ", ")))
	}
	be := "is as it was"
	if len(r.volumes) > 0 {
		be = "are as they were"
	}
	text := fmt.Sprintf("%s %s at %s: %d tables with %d rows", r.naming(r.volumes), be,
		m.Header.Created.Local().Format(time.DateTime), data.Tables, data.Rows)
	if len(running) > 0 {
		text += "; used by " + strings.Join(running, ", ")
	}
	return ended{Outcome: event.Done, Text: text, Data: data}
}

// naming names the own database, and volumes.
func (s *Stack) naming(volumes []backedVolume) string {
	text := fmt.Sprintf("database %q", s.Config.Database.Name)
	for i, v := range volumes {
		text += map[bool]string{true: " and volumes ", false: ", "}[i == 0] + v.Name
	}
	return text
}

// choose tells which volumes of a backup are restored.
func (s *Stack) choose(h backup.Header, all bool) (chosen []backedVolume, err error) {
	if !all {
		return nil, nil
	}
	if len(h.Volumes) == 0 {
		return nil, badUsage("the backup holds the database alone: leave out -all; nothing was changed")
	}
	known, err := s.backedVolumes()
	for _, v := range known {
		if slices.Contains(h.Volumes, v.Name) {
			chosen = append(chosen, v)
		}
	}
	return chosen, err
}

// judge finds a backup, by its path or by its name in the directory of backups, and reads all of it.
func (s *Stack) judge(ctx context.Context, r event.Reporter, name string) (path string, m backup.Manifest, err error) {
	refuse := func(err error) error {
		return badUsage("read backup %q: %v; nothing was changed", name, err)
	}
	if path, err = s.Config.Typed(name); err != nil {
		return path, m, refuse(err)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && filepath.Base(name) == name {
		path = filepath.Join(s.Config.BackupDir(), name)
	}
	h, err := headerOf(path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("there is no such file, here or in %s; mage db:backups lists those that there are",
			s.Config.BackupDir())
	}
	if err != nil {
		return path, m, refuse(err)
	}
	k, err := s.keys()
	if err != nil {
		return path, m, err
	}
	if h.Encrypted && len(k.identities) == 0 {
		return path, m, refuse(errors.New("it is encrypted: set backup.identity (POSTSTACK_BACKUP_IDENTITY) to the file " +
			"with the age identity that opens it"))
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
		err = fmt.Errorf("no identity of %s opens it: set backup.identity (POSTSTACK_BACKUP_IDENTITY) to the one of its "+
			"recipients",
			s.Config.Backup.Identity)
	}
	if err != nil {
		return path, m, refuse(err)
	}
	return path, m, nil
}
