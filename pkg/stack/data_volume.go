package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
	"github.com/poststack/poststack/pkg/session"
)

// What a volume holds, such as the own database, is in the one that image.yaml names, or, after a restore, in the one
// that a file of the state directory names instead, "data-k3" for "data": engines cannot rename a volume. Writing
// that file is what makes a restore happen, of all volumes at the same moment.
//
// A second file, the journal, names volumes that are being filled, and those that they are to replace. Whoever finds it
// knows that a restore has died, and from the first file whether that was before or after it happened.

// usualData is the volume of the own database.
const usualData = "data"

// restoredName is what a restore may call a volume: the name that services call it, and what tells it from others.
var restoredName = regexp.MustCompile(`^([a-z][a-z0-9-]*)-[a-z0-9]+$`)

// volumes are those that stand for others, by what services call these.
type volumes map[string]string

// volumeOf is the one that stands for name, or that itself.
func volumeOf(v volumes, name string) string { return cmp.Or(v[name], name) }

// journal is a restore under way.
type journal struct {
	New volumes `json:"new"` // that are filled
	Old volumes `json:"old"` // that they replace, those that there are
}

func (s *Stack) dataFile(kind engine.Kind) string {
	return filepath.Join(s.Config.StateDir, "data."+string(kind))
}

func (s *Stack) journalFile(kind engine.Kind) string {
	return filepath.Join(s.Config.StateDir, "restore."+string(kind))
}

// unfinishedFile names the volumes that this process fills, for as long as nobody would miss them: should the process
// die, its watchdog removes those. A label would do so for good, and no engine can change one.
func (s *Stack) unfinishedFile() string {
	return filepath.Join(s.Config.StateDir, session.Temp("volume"))
}

// restored are the volumes of the stack on an engine that a restore has made.
func (s *Stack) restored(kind engine.Kind) (volumes, error) {
	path := s.dataFile(kind)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, &UsageError{Reason: err.Error()}
	}
	found := volumes{}
	for _, name := range strings.Fields(string(text)) {
		parts := restoredName.FindStringSubmatch(name)
		if parts == nil {
			return nil, badUsage("read %s: %q is no name of a data volume", path, name)
		}
		found[parts[1]] = name
	}
	return found, nil
}

// servicesOn is the stack as its services on an engine know it.
func (s *Stack) servicesOn(kind engine.Kind) (stack service.Stack, err error) {
	stack = s.services()
	stack.Volumes, err = s.restored(kind)
	return stack, err
}

// volumeName is the engine's name of the own database's volume, for people.
func (s *Stack) volumeName(kind engine.Kind) string {
	stack, _ := s.servicesOn(kind)
	return stack.Volume(usualData)
}

// useVolumes has those volumes stand for others, for good: also a machine that loses power then knows of it.
func (s *Stack) useVolumes(kind engine.Kind, v volumes) error {
	path := s.dataFile(kind)
	if err := forgetFile(s.unfinishedFile()); err != nil { // first: it must never name a volume in use
		return err
	}
	if len(v) == 0 {
		return forgetFile(path)
	}
	if err := keep("data volume", path, strings.Join(slices.Sorted(maps.Values(v)), "\n")); err != nil {
		return err
	}
	return syncDir(s.Config.StateDir)
}

// begin writes down that volumes are going to be filled.
func (s *Stack) begin(kind engine.Kind, j journal) error {
	session.SweepTemp(s.Config.StateDir, "volume") // of runs that were killed together with their watchdogs
	err := s.write(kind, j)
	var unfinished strings.Builder
	for _, name := range j.New {
		unfinished.WriteString(s.services().Volume(name) + "\n")
	}
	if err == nil {
		err = keep("restore", s.unfinishedFile(), unfinished.String())
	}
	if err != nil {
		return err
	}
	return syncDir(s.Config.StateDir)
}

// write keeps a journal.
func (s *Stack) write(kind engine.Kind, j journal) error {
	return keepJSON("restore", s.journalFile(kind), j)
}

// settle ends what a restore that died has begun: of its volumes those that are not in use are removed. It is called
// while nothing else works on the stack, and where the old ones are the losers only once the new ones have served.
func (s *Stack) settle(ctx context.Context, e Engine, r event.Reporter) error {
	kind := e.Info().Kind
	var j journal
	there, err := readJSON(s.journalFile(kind), &j)
	if !there && err == nil {
		return nil
	}
	stand, unknown := s.restored(kind)
	if err = errors.Join(err, unknown); err != nil {
		return fmt.Errorf("end a restore that was cut short: %w", err)
	}
	for _, lost := range []volumes{j.New, j.Old} {
		for name, volume := range lost {
			if volume == volumeOf(stand, name) {
				continue
			}
			if err := s.discard(ctx, e, r, s.services().Volume(volume)); err != nil {
				return err
			}
		}
	}
	return errors.Join(forgetFile(s.unfinishedFile()), forgetFile(s.journalFile(kind)))
}

// discard removes a volume of the stack that a restore has left, with the containers that were made on it: they are
// made anew on the one that stands in its place.
func (s *Stack) discard(ctx context.Context, e Engine, r event.Reporter, volume string) error {
	found, err := e.VolumeInspect(ctx, volume)
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = s.check(e, "volume", volume, found.Labels)
	}
	if err != nil {
		return err
	}
	own, err := e.ContainerList(ctx, map[string]string{container.LabelStack: s.Config.Stack})
	if err != nil {
		return err
	}
	for _, c := range own {
		if mounts(c, volume) {
			err = errors.Join(err, container.Remove(ctx, e, c, s.Config.Timeout.Stop))
		}
	}
	if err == nil {
		err = e.VolumeRemove(ctx, volume)
	}
	if err == nil {
		r.Notice(fmt.Sprintf("removed volume %s, which a restore that was cut short has left", volume))
	}
	return err
}

// forgetFile deletes a file of the state directory, for good.
func forgetFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir has the names in a directory outlive a loss of power.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
