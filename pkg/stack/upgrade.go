package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
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
	text, err := os.ReadFile(s.formerFile(kind))
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	var stand volumes
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
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

// keepFormer writes down which volume stays.
func (s *Stack) keepFormer(kind engine.Kind, f former) error {
	text, err := json.Marshal(f)
	if err == nil {
		err = keep("former volume", s.formerFile(kind), string(text))
	}
	return err
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
	return s.run(ctx, target, Database, func(ctx context.Context, r event.Reporter) (ended, error) {
		e, err := s.settledEngine(ctx, r)
		if err != nil {
			return ended{}, err
		}
		up, err := s.newUpgrade(ctx, e, r)
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
	if yes {
		return nil
	}
	return s.question(ctx, target, fmt.Sprintf("all that was written to database %q since %s is lost: "+
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
	if err := up.begin(up.engine.Info().Kind, present); err != nil {
		return how, err
	}
	defer func() { err = up.end(ctx, err) }()
	t := up.trial(up.image, up.kept.Volume)
	err = t.with(ctx, func(ctx context.Context) error {
		if err := up.keepLogins(ctx, up.report, t.target); err != nil {
			return err
		}
		return up.sessions.Use(ctx, t.target, func(ctx context.Context, conn *pgx.Conn) error {
			return hosting.RaiseRestoredSerials(ctx, conn)
		})
	})
	if err != nil {
		return how, fmt.Errorf("try the former volume: %w; nothing was changed", err)
	}
	if err := up.swap(ctx); err != nil {
		return how, err
	}
	if err := forgetFile(up.formerFile(up.engine.Info().Kind)); err != nil {
		return how, err
	}
	running, err := up.usedBy(ctx, up.engine)
	since := up.kept.Since.Local().Format(time.DateTime)
	up.kept = former{}
	text := fmt.Sprintf("PostgreSQL %s again, with what it held at %s", up.wants, since)
	return ended{Outcome: event.Done, Text: text, Data: up.data(running)}, err
}

// newUpgrade finds what there is.
func (s *Stack) newUpgrade(ctx context.Context, e Engine, r event.Reporter) (up *upgrading, err error) {
	kind := e.Info().Kind
	up = &upgrading{restoring: restoring{Stack: s, report: r, engine: e}}
	if !s.hasData(kind) {
		return nil, errNotSetUp
	}
	if up.before, err = s.restored(kind); err != nil {
		return nil, err
	}
	if up.kept, err = s.former(ctx, e); err != nil {
		return nil, err
	}
	declared, target, err := s.ownService(ctx, e, r)
	if err != nil {
		return nil, err
	}
	up.image, up.owner, up.password = declared.Spec.Image, declared.Owner, target.Password
	if up.server, err = container.Find(ctx, e, s.containerName()); err != nil {
		return nil, err
	}
	up.has, up.wants, err = s.majors(ctx, e, up.server, declared.Spec)
	if err == nil && (up.has == "" || up.wants == "") {
		err = fmt.Errorf("volume %s has no finished database: mage setup makes one", s.volumeName(kind))
	}
	return up, err
}

// keptText tells of the volume of before.
func (up *upgrading) keptText() string {
	if up.kept.Volume == "" {
		return ""
	}
	return strings.Join([]string{
		"; volume", up.services().Volume(up.kept.Volume), "of PostgreSQL", up.kept.Major,
		"stays until mage db:upgrade -dropOld, and mage db:upgrade -back goes back to it",
	}, " ")
}
