package stack

import (
	"context"
	"time"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/doctor"
)

// BackupsStatus tells of the backups that cron makes.
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
		return []doctor.Finding{finding(doctor.OK, "", "none by itself; mage db:backup -schedule=daily has cron make them")}
	case status.Late:
		return []doctor.Finding{finding(doctor.Warning, "sh "+s.scheduleScript(), "%s", status.text()[1])}
	default:
		return []doctor.Finding{finding(doctor.OK, "", "%s, %s", status.Every, status.text()[1])}
	}
}
