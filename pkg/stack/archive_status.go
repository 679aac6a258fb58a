package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
)

// ArchiveStatus tells what the archive of the own database has, as server and archive say.
type ArchiveStatus struct {
	Place   string     `json:"place"`
	Log     string     `json:"log"`               // the last part of the log that it has; "" if none
	At      *time.Time `json:"at"`                // when it got that
	Base    *time.Time `json:"base"`              // the last base backup; null if there is none
	Problem string     `json:"problem,omitempty"` // why a recovery would not reach what is written now
	Remedy  string     `json:"remedy,omitempty"`
}

// archiverSQL tells what the server has archived, and what it could not.
const archiverSQL = `select current_setting('archive_mode') = 'on', coalesce(last_archived_wal, ''), last_archived_time,
	coalesce(last_failed_wal, ''), coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)
	from pg_stat_archiver`

// lastBase is when the last base backup was made, as the archive tells; nil if it has none.
func (s *Stack) lastBase(ctx context.Context) (*time.Time, error) {
	e, err := s.engine(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.runningDatabase(ctx)
	if err != nil {
		return nil, err
	}
	bases, err := archived{s, e}.bases(ctx, c.ID)
	if err != nil || len(bases) == 0 {
		return nil, err
	}
	last := bases[len(bases)-1].stop()
	return &last, nil
}

// archiveStatus asks the server that runs, and the archive; nil if none is set.
func (s *Stack) archiveStatus(ctx context.Context, target database.Target) *ArchiveStatus {
	if s.External() || s.Config.Database.Archive == "" {
		return nil
	}
	ctx, cancel := within(ctx, s.Config.Timeout.Connect, "ask the archive", "POSTSTACK_TIMEOUT_CONNECT")
	defer cancel()
	out := &ArchiveStatus{Place: s.Config.Database.Archive}
	var on, failing bool
	var failed string
	err := s.sessions.Use(ctx, target, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, archiverSQL).Scan(&on, &out.Log, &out.At, &failed, &failing)
	})
	if err == nil && on {
		out.Base, err = s.lastBase(ctx)
	}
	switch {
	case err == nil && !on:
		out.Problem, out.Remedy = "the server was started without it", "mage db:start"
	case failing:
		out.Problem, out.Remedy = "it did not take "+failed, "mage logs -of=postgres, which says why"
	case err != nil:
		out.Problem, out.Remedy = err.Error(), "mage db:backup -base"
	case out.Base == nil:
		out.Problem, out.Remedy = "it has no base backup yet", "mage db:backup -base"
	}
	return out
}

// text is it in words: how it is, and more.
func (a *ArchiveStatus) text() (state, more string) {
	state, more = "takes the log", a.Place
	if a.At != nil {
		more = fmt.Sprintf("%s of %s, in %s", a.Log, a.At.Local().Format(time.DateTime), a.Place)
	}
	if a.Base != nil {
		more += ", base backup of " + a.Base.Local().Format(time.DateTime)
	}
	if a.Problem != "" {
		return "behind", a.Problem + "; " + more + "; remedy: " + a.Remedy
	}
	return state, more
}

// checkArchive tells whether the archive takes what it is to.
func (s *Stack) checkArchive(ctx context.Context) []doctor.Finding {
	if s.External() || s.Config.Database.Archive == "" {
		return []doctor.Finding{finding(doctor.OK, "", "none; with database.archive set, Poststack's own database keeps "+
			"one, and mage db:pitr takes it back to any moment since then")}
	}
	if _, err := s.runningDatabase(ctx); err != nil {
		return []doctor.Finding{finding(doctor.OK, "", "not asked: the database is not running")}
	}
	target, err := s.Target(ctx)
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage verify:db", err)}
	}
	status := s.archiveStatus(ctx, target)
	if _, more := status.text(); status.Problem == "" {
		return []doctor.Finding{finding(doctor.OK, "", "%s", more)}
	}
	return []doctor.Finding{finding(doctor.Warning, status.Remedy, "%s", status.Problem)}
}

// baseBackup is one in an archive.
type baseBackup struct {
	Label string `json:"label"`
	Type  string `json:"type"` // "full", or "diff"
	Time  struct {
		Stop int64 `json:"stop"` // in seconds, cut off
	} `json:"timestamp"`
	Database struct {
		ID int `json:"id"`
	} `json:"database"`
	major string // of PostgreSQL
}

func (b baseBackup) stop() time.Time { return time.Unix(b.Time.Stop, 0) }

// bases are the base backups, the oldest first.
func (a archived) bases(ctx context.Context, id engine.ContainerID) ([]baseBackup, error) {
	res, err := a.run(ctx, id, "--output=json", "info")
	var stanzas []struct {
		Backup    []baseBackup `json:"backup"`
		Databases []struct {
			ID      int    `json:"id"`
			Version string `json:"version"`
		} `json:"db"`
		Status struct {
			Code int `json:"code"`
		} `json:"status"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(res.Stdout), &stanzas)
	}
	if err != nil {
		return nil, fmt.Errorf("list base backups: %w", err)
	}
	const fine, noBackup = 0, 2
	if len(stanzas) != 1 || stanzas[0].Status.Code != fine && stanzas[0].Status.Code != noBackup {
		return nil, fmt.Errorf("list base backups: %s has none of %s", a.Config.Database.Archive, a.stanza())
	}
	list := stanzas[0].Backup
	for i := range list {
		for _, d := range stanzas[0].Databases {
			if d.ID == list[i].Database.ID {
				list[i].major = d.Version
			}
		}
	}
	return list, nil
}

// fullEvery is how old a full base backup gets before another one is made: what is between holds the differences.
const fullEvery = 7 * 24 * time.Hour

// base makes a base backup of the server that runs, and removes what is older than it need be.
func (a archived) base(ctx context.Context, id engine.ContainerID, target database.Target) (baseBackup, error) {
	user, err := a.open(ctx, id, target)
	var had []baseBackup
	if err == nil {
		had, err = a.bases(ctx, id)
	}
	kind := "full"
	for _, b := range had {
		if b.Type == kind && time.Since(b.stop()) < fullEvery {
			kind = "diff"
			break
		}
	}
	if err == nil {
		_, err = a.run(ctx, id, user, "--type="+kind, "backup")
	}
	if err == nil {
		had, err = a.bases(ctx, id)
	}
	if err == nil && len(had) == 0 {
		err = errors.New("the archive does not have it")
	}
	if err != nil {
		return baseBackup{}, fmt.Errorf("make base backup: %w", err)
	}
	return had[len(had)-1], nil
}

// base makes a base backup beside a file that is whole, and says so.
func (b *taking) base(ctx context.Context, data *BackupData) (text string, err error) {
	b.report.Step("making a base backup in the archive")
	made, err := archived{b.Stack, b.engine}.base(ctx, b.server, b.target)
	if err != nil {
		return "", fmt.Errorf("%w; %s is whole", err, data.File)
	}
	data.Base = made.Label
	return fmt.Sprintf("; base backup %s (%s)", made.Label, made.Type), nil
}
