package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/event"
)

// wholeBackup is what is said of a backup that is as it was written.
const wholeBackup = "whole"

// Backups lists the backups in the directory of the settings, the newest first; with check each is read and compared
// with its checksums, and one that is damaged is a failure.
func (s *Stack) Backups(ctx context.Context, check bool) error {
	dir := s.Config.BackupDir()
	found, err := backupsIn(dir)
	if err != nil {
		return s.failure("db:backups", Unexpected, err)
	}
	report := event.Report{Header: []string{"file", "made", "size", "database", "schema", "volumes", "encrypted"}}
	if check {
		report.Header = append(report.Header, "checked")
	}
	bad := 0
	for i := range found {
		b := &found[i]
		row := []string{filepath.Base(b.File), "cannot be read", units.HumanSize(float64(b.Bytes)), "", "", "", ""}
		if b.Checked == "" {
			row = readable(*b)
		}
		if check {
			if b.Checked == "" {
				b.Checked = checked(ctx, b.File)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if b.Checked != wholeBackup {
				bad++
			}
			row = append(row, b.Checked)
		}
		report.Rows = append(report.Rows, row)
	}
	report.Data = found
	report.Text = "in " + dir + ":"
	if len(found) == 0 {
		report.Header, report.Text = nil, fmt.Sprintf("there is no backup in %s; mage db:backup makes one", dir)
	}
	s.Sink.Result(report)
	if bad > 0 {
		return s.failure("db:backups", Unexpected, fmt.Errorf("%d of %d backups cannot be used", bad, len(found)))
	}
	return nil
}

// readable is the row of a backup whose header can be read.
func readable(b BackupData) []string {
	return []string{
		filepath.Base(b.File), b.Created.Local().Format(time.DateTime), units.HumanSize(float64(b.Bytes)),
		fmt.Sprintf("%s, PostgreSQL %s", b.Database, b.Server), b.Schema[:min(12, len(b.Schema))],
		strings.Join(b.Volumes, " "), yesNo(b.Encrypted),
	}
}

// checked reads a backup and says whether it is whole.
func checked(ctx context.Context, path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = file.Close() }()
	if _, err := backup.Check(during{ctx, file}); err != nil {
		return err.Error()
	}
	return wholeBackup
}

// backupsIn are the backups in a directory, the newest first. What is none is left out, but for what has the name of
// one, or is of a newer release: of that Checked says why it cannot be read, and it is of no stack.
func backupsIn(dir string) ([]BackupData, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	found := []BackupData{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || filepath.Ext(entry.Name()) != ".tar" {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("list backups: %w", err)
		}
		h, err := backup.ReadHeader(file)
		_ = file.Close()
		switch {
		case err == nil:
			found = append(found, backupData(path, info.Size(), h))
		case !errors.Is(err, backup.ErrForeign) || named(entry.Name()):
			found = append(found, BackupData{File: path, Bytes: info.Size(), Volumes: []string{}, Checked: err.Error()})
		}
	}
	slices.SortFunc(found, func(a, b BackupData) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.File, a.File))
	})
	return found, nil
}

// prune deletes all but the newest backups of one database that this stack has made, and returns which. A database of
// the same name on another server is another one. A file that was given another name is people's own.
func (s *Stack) prune(dir string, of backup.Header, keep int) (deleted []string, err error) {
	found, err := backupsIn(dir)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(b BackupData) bool {
		return b.Stack != of.Stack || b.Database != of.Database || b.Place != of.Place ||
			(len(b.Volumes) == 0) != (len(of.Volumes) == 0) ||
			filepath.Base(b.File) != backupName(b.Stack, b.Created)
	})
	for _, old := range found[min(keep, len(found)):] {
		if err := os.Remove(old.File); err != nil {
			return deleted, fmt.Errorf("delete old backup: %w", err)
		}
		deleted = append(deleted, old.File)
	}
	return deleted, nil
}

// during is a file that is read for as long as ctx lasts.
type during struct {
	ctx  context.Context //nolint:containedctx // a reader has no parameter for it
	file *os.File
}

func (d during) Read(p []byte) (int, error) {
	if d.ctx.Err() != nil {
		return 0, context.Cause(d.ctx)
	}
	return d.file.Read(p)
}

// BackupsStatus tells of the backups that are scheduled.
type BackupsStatus struct {
	Every string     `json:"every"`
	Dir   string     `json:"dir"`
	Last  *time.Time `json:"last"` // null if there is none yet
	Late  bool       `json:"late"` // the last one is older than it may be
}

// backupsStatus looks for the last of them; nil if there is no schedule.
func (s *Stack) backupsStatus(now time.Time) (*BackupsStatus, error) {
	plan, err := s.schedule()
	if plan == nil || err != nil {
		return nil, err
	}
	out := &BackupsStatus{Every: plan.Every, Dir: plan.Dir}
	found, err := backupsIn(plan.Dir)
	if err != nil {
		return out, err
	}
	place, name, err := s.backedUpFrom()
	for _, b := range found {
		before := b.Place == "" && place == backup.OwnPlace // of a release that did not note the server
		if b.Stack == s.Config.Stack && b.Database == name && (b.Place == place || before) {
			out.Last = &b.Created
			break
		}
	}
	since := plan.Since
	if out.Last != nil && out.Last.After(since) {
		since = *out.Last
	}
	length := periods()[plan.Every].length
	out.Late = now.Sub(since) > length+max(length/4, time.Hour) // it may wait for other runs, and takes its time
	return out, err
}

// backedUpFrom is the server of the database in use, as backups note it, and the database's name.
func (s *Stack) backedUpFrom() (place, name string, err error) {
	if !s.External() {
		return backup.OwnPlace, s.Config.Database.Name, nil
	}
	target, _, err := s.externalTarget()
	return target.Address(), target.Database, err
}

// text is it in words: how it is, and more.
func (b *BackupsStatus) text() [2]string {
	state, more := b.Every, "none yet"
	if b.Last != nil {
		more = "the last was made " + b.Last.Local().Format(time.DateTime)
	}
	if b.Late {
		state = "late"
		more = b.Every + ", but " + more
	}
	return [2]string{state, more + ", in " + b.Dir}
}

// checkBackups tells whether backups are made as they are to.
func (s *Stack) checkBackups(context.Context) []doctor.Finding {
	status, err := s.backupsStatus(time.Now())
	switch {
	case err != nil:
		return []doctor.Finding{finding(doctor.Problem, "mage db:backup -schedule=daily", "%v", err)}
	case status == nil:
		return []doctor.Finding{finding(doctor.OK, "", "none are scheduled; to do so: mage db:backup -schedule=daily")}
	case status.Late:
		return []doctor.Finding{finding(doctor.Warning, "sh "+s.scheduleScript(), "%s", status.text()[1])}
	default:
		return []doctor.Finding{finding(doctor.OK, "", "%s, %s", status.Every, status.text()[1])}
	}
}
