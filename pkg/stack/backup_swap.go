package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// restoring is a restore under way.
type restoring struct {
	*Stack
	report  event.Reporter
	engine  Engine
	path    string
	volumes []backedVolume // that are restored beside the database

	before, after volumes                     // that stand for others
	server        engine.Container            // of the present database, as it was found; the zero value is none
	stopped       bool                        // it was, before the swap
	last          *time.Time                  // the archive has it as it was then; nil if there is none
	users         map[string]engine.Container // of services that run on volumes that are replaced
	unmatched     []UnmatchedData
}

// do fills new volumes, and has what they hold serve in the place of the present ones. It returns the services that
// use it.
func (r *restoring) do(ctx context.Context) (running []string, err error) {
	t, owner, err := r.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if t.keys, err = r.keys(); err != nil {
		return nil, err
	}
	change, err := r.plan(ctx)
	if err != nil {
		return nil, err
	}
	t.volume = r.services().Volume(change.New[usualData])
	return r.replace(ctx, change, func() error {
		if err := r.fill(ctx, t, owner); err != nil {
			return fmt.Errorf("restore %q: %w; all is as it was", r.path, err)
		}
		return nil
	}, nil)
}

// replacing is a phase that has the own database serve from another volume. Nothing is left then of one that died.
func (s *Stack) replacing(
	ctx context.Context, target string, do func(context.Context, *restoring) (ended, error),
) error {
	return s.run(ctx, target, Database, func(ctx context.Context, r event.Reporter) (ended, error) {
		e, err := s.engine(ctx)
		if err == nil {
			err = s.settle(ctx, e, r)
		}
		if err != nil {
			return ended{}, err
		}
		return do(ctx, &restoring{Stack: s, report: r, engine: e})
	})
}

// replace fills volumes, and has what they hold serve in the place of the present ones. Then it does served, if there
// is that, and returns the services that use the database.
func (r *restoring) replace(
	ctx context.Context, change journal, fill, served func() error,
) (running []string, err error) {
	if err := r.begin(r.engine.Info().Kind, change); err != nil {
		return nil, err
	}
	defer func() { err = r.end(ctx, err) }()
	err = fill()
	if err == nil {
		err = r.swap(ctx)
	}
	if err == nil && served != nil {
		err = served()
	}
	if err != nil {
		return nil, err
	}
	return r.usedBy(ctx, r.engine)
}

// end has the present volumes stay, or the former ones go. That can take its time, and nothing is undone for it.
func (r *restoring) end(ctx context.Context, err error) error {
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		return errors.Join(err, r.settle(ctx, r.engine, event.Reporter{}))
	}
	if err := r.settle(ctx, r.engine, event.Reporter{}); err != nil {
		r.report.Warn(fmt.Sprintf("the former volumes are removed by the next mage db:start: %v", err))
	}
	return nil
}

// plan names the volumes.
func (r *restoring) plan(ctx context.Context) (journal, error) {
	change := journal{New: volumes{}, Old: volumes{}}
	generation := newGeneration()
	names := []string{usualData}
	for _, v := range r.volumes {
		names = append(names, v.Name)
	}
	present := r.services()
	present.Volumes = r.before
	for _, name := range names {
		change.New[name] = name + generation
		found, err := r.engine.VolumeInspect(ctx, present.Volume(name))
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return change, err
		}
		if err == nil && found.Labels[container.LabelStack] != "" { // else people have made it: it stays
			change.Old[name] = volumeOf(r.before, name)
		}
	}
	r.after = maps.Clone(r.before)
	maps.Copy(r.after, change.New)
	return change, nil
}

// newGeneration is what tells new volumes from those of before.
func newGeneration() string { return "-" + strconv.FormatInt(time.Now().UnixMilli(), 36) }

// fill makes the new volumes, and has in them what the backup has.
func (r *restoring) fill(ctx context.Context, t *trial, owner container.Owner) error {
	if err := r.engine.VolumeCreate(ctx, t.volume, owner.Labels(postgresImage)); err != nil {
		return err
	}
	r.report.Step("restoring into volume " + t.volume)
	if len(r.volumes) == 0 {
		return t.with(ctx, func(ctx context.Context) error { return r.load(ctx, t) })
	}
	stack := r.services()
	stack.Volumes = r.after
	for _, v := range r.volumes {
		if err := r.engine.VolumeCreate(ctx, stack.Volume(v.Name), owner.Labels(v.service)); err != nil {
			return err
		}
	}
	return r.hold(ctx, r.engine, t.image, stack, r.volumes, func(h holder) error {
		h.report = r.report
		t.take = h.unpack
		return t.with(ctx, func(ctx context.Context) (err error) {
			if err := r.load(ctx, t); err != nil {
				return err
			}
			r.unmatched, err = h.unmatched(ctx, t.target)
			if err != nil && ctx.Err() == nil { // a database that was used otherwise is restored as well
				r.report.Warn(err.Error())
				err = nil
			}
			return err
		})
	})
}

func (r *restoring) load(ctx context.Context, t *trial) error {
	if err := t.load(ctx, r.path); err != nil {
		return err
	}
	return r.adopt(ctx, t)
}

// swap has the database serve from another volume, and services from theirs. When that does not work, they serve from
// those before again.
func (r *restoring) swap(ctx context.Context) error {
	kind := r.engine.Info().Kind
	if len(r.users) > 0 {
		r.report.Step("stopping " + strings.Join(slices.Sorted(maps.Keys(r.users)), ", "))
	}
	err := r.inOrder(ctx, serviceWork{backwards: true, do: r.stopService})
	if err == nil {
		err = r.stopServer(ctx)
	}
	if err == nil {
		err = r.useVolumes(kind, r.after)
	}
	if err == nil {
		_, err = r.startOwn(ctx, r.engine, r.report)
	}
	if err == nil {
		err = r.inOrder(ctx, serviceWork{do: r.startService})
	}
	if err == nil {
		r.anew(ctx)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*(r.Config.Timeout.Stop+r.Config.Timeout.Start))
	defer cancel()
	back := r.useVolumes(kind, r.before)
	if back == nil {
		back = r.startServer(ctx)
	}
	if back == nil {
		back = r.inOrder(ctx, serviceWork{do: r.startBack})
	}
	return errors.Join(fmt.Errorf("start what was restored: %w; all is as it was", err), back)
}
