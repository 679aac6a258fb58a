package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// UpgradeOptions say what is done; the zero value upgrades.
type UpgradeOptions struct {
	Back    bool // to the volume of before
	DropOld bool // that volume
	Yes     bool // nobody is asked
}

// UpgradedData is what an upgrade did, as a value for machines.
type UpgradedData struct {
	From     string   `json:"from"`   // major version of PostgreSQL
	To       string   `json:"to"`     // the one that serves now
	Volume   string   `json:"volume"` // that serves now
	Kept     string   `json:"kept"`   // the volume of before; "" if there is none
	Tables   int      `json:"tables"`
	Rows     int64    `json:"rows"`
	Services []string `json:"services"` // that run, and use it
}

// former is the volume that an upgrade has left, in a file of the state directory. It is written before the new one
// takes its place: while the volume that it names is the one in use, there is none.
type former struct {
	Volume string    `json:"volume"` // as [volumes] names it
	Major  string    `json:"major"`
	Since  time.Time `json:"since"` // what was written from then on is only in the new one
}

func (s *Stack) formerFile(kind engine.Kind) string {
	return filepath.Join(s.Config.StateDir, "former."+string(kind))
}

// former reads it; the zero value is none. A volume that somebody has removed is none: an engine would make an empty
// one of that name.
func (s *Stack) former(ctx context.Context, e Engine) (f former, err error) {
	kind := e.Info().Kind
	there, err := readJSON(s.formerFile(kind), &f)
	if !there && err == nil {
		return f, nil
	}
	var stand volumes
	if err == nil {
		stand, err = s.restored(kind)
	}
	if err != nil {
		return f, fmt.Errorf("read which volume was kept: %w", err)
	}
	_, err = e.VolumeInspect(ctx, s.services().Volume(f.Volume))
	if errors.Is(err, engine.ErrNotFound) || f.Volume == volumeOf(stand, usualData) {
		return former{}, nil
	}
	return f, err
}

// Upgrade takes the own database to the PostgreSQL of the suite that is set, by dump and restore into a new volume. The
// former volume stays, for Back, until DropOld.
func (s *Stack) Upgrade(ctx context.Context, o UpgradeOptions) error {
	const target = "db:upgrade"
	if s.External() {
		return s.refused(target, &UsageError{Reason: "DATABASE_URL is set, and only Poststack's own database is upgraded"})
	}
	if o.Back && o.DropOld {
		return s.refused(target, &UsageError{Reason: "-back needs the volume that -dropOld removes: give one of them"})
	}
	work := s.upgrade
	switch {
	case o.DropOld:
		work = s.dropFormer
	case o.Back:
		work = s.backToFormer
		if err := s.askBack(ctx, target, o.Yes); err != nil {
			return err
		}
	}
	return s.replacing(ctx, target, func(ctx context.Context, r *restoring) (ended, error) {
		up, err := newUpgrade(ctx, r)
		if err != nil {
			return ended{}, err
		}
		return work(ctx, up)
	})
}

// errNothingKept is a request for a volume of before that there is not.
var errNothingKept = &UsageError{Reason: "no upgrade has left a volume: there is nothing to go back to, or to remove"}

// askBack says what is lost by going back.
func (s *Stack) askBack(ctx context.Context, target string, yes bool) error {
	e, err := s.engine(ctx)
	if err != nil {
		return s.failure(target, Database, err)
	}
	kept, err := s.former(ctx, e)
	if err == nil && kept.Volume == "" {
		err = errNothingKept
	}
	if err != nil {
		return s.refused(target, err)
	}
	return s.question(ctx, target, yes, fmt.Sprintf("all that was written to database %q since %s is lost: "+
		"it goes back to PostgreSQL %s, and to what it held then; go on? (yes/no)", s.Config.Database.Name,
		kept.Since.Local().Format(time.DateTime), kept.Major), "nothing was changed")
}

// dropFormer removes the volume of before, once the one in its place serves.
func (s *Stack) dropFormer(ctx context.Context, up *upgrading) (ended, error) {
	if up.kept.Volume == "" {
		return ended{}, errNothingKept
	}
	if _, err := s.runningDatabase(ctx); err != nil {
		return ended{}, fmt.Errorf("%w; the former volume stays until then", err)
	}
	volume := s.services().Volume(up.kept.Volume)
	if err := s.discard(ctx, up.engine, event.Reporter{}, volume); err != nil {
		return ended{}, err
	}
	text := fmt.Sprintf("removed volume %s of PostgreSQL %s", volume, up.kept.Major)
	up.kept = former{}
	return ended{Outcome: event.Done, Text: text, Data: up.data(nil)}, forgetFile(s.formerFile(up.engine.Info().Kind))
}

// backToFormer has the volume of before serve again. It is tried first, and its zones get serials past those of today.
func (s *Stack) backToFormer(ctx context.Context, up *upgrading) (how ended, err error) {
	if up.kept.Volume == "" {
		return how, errNothingKept
	}
	if up.wants != up.kept.Major {
		return how, badUsage("the former volume is of PostgreSQL %s, and the suite that is set "+
			"has %s: set POSTSTACK_DEBIAN_SUITE to the one that has %s; nothing was changed",
			up.kept.Major, up.wants, up.kept.Major)
	}
	up.after = maps.Clone(up.before)
	up.after[usualData] = up.kept.Volume
	if up.kept.Volume == usualData {
		delete(up.after, usualData) // it stands for no other
	}
	present := journal{New: volumes{}, Old: volumes{usualData: volumeOf(up.before, usualData)}}
	running, err := up.replace(ctx, present, func() error {
		t := up.trial(up.image, up.kept.Volume)
		if err := t.with(ctx, func(ctx context.Context) error { return up.adopt(ctx, t) }); err != nil {
			return fmt.Errorf("try the former volume: %w; nothing was changed", err)
		}
		return nil
	}, func() error { return forgetFile(up.formerFile(up.engine.Info().Kind)) })
	if err != nil {
		return how, err
	}
	since := up.kept.Since.Local().Format(time.DateTime)
	up.kept = former{}
	text := fmt.Sprintf("PostgreSQL %s again, with what it held at %s", up.wants, since)
	return ended{Outcome: event.Done, Text: text, Data: up.data(running)}, nil
}

// newUpgrade finds what there is.
func newUpgrade(ctx context.Context, r *restoring) (up *upgrading, err error) {
	kind := r.engine.Info().Kind
	up = &upgrading{restoring: r}
	if !r.hasData(kind) {
		return nil, errNotSetUp
	}
	if up.kept, err = r.former(ctx, r.engine); err != nil {
		return nil, err
	}
	t, owner, err := r.prepare(ctx)
	if err != nil {
		return nil, err
	}
	up.image, up.owner, up.password = t.image, owner, t.password
	up.has, up.wants, err = r.majors(ctx, r.engine, r.server, t.image)
	if err == nil && (up.has == "" || up.wants == "") {
		err = fmt.Errorf("volume %s has no finished database: mage setup makes one", r.volumeName(kind))
	}
	return up, err
}

// keptText tells of the volume of before.
func (up *upgrading) keptText() string {
	if up.kept.Volume == "" {
		return ""
	}
	return fmt.Sprintf("; volume %s of PostgreSQL %s stays until mage db:upgrade -dropOld, and mage db:upgrade -back "+
		"goes back to it", up.services().Volume(up.kept.Volume), up.kept.Major)
}
