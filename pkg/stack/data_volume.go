package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/session"
)

// The data of the own database is in the volume "data", or, after a restore, in the one that a file of the state
// directory names: engines cannot rename a volume. Writing that file is what makes a restore happen.
//
// A second file, the journal, names a volume that is being filled, and the one that it is to replace. Whoever finds it
// knows that a restore has died, and from the first file whether that was before or after it happened.

// usualData is the volume of a database that was never restored.
const usualData = "data"

// dataName is what a restore may call a volume.
var dataName = regexp.MustCompile(`^data-[a-z0-9]+$`)

// journal is a restore under way.
type journal struct {
	New string `json:"new"` // the volume that is filled
	Old string `json:"old"` // the one that it replaces
}

func (s *Stack) dataFile(kind engine.Kind) string {
	return filepath.Join(s.Config.StateDir, "data."+string(kind))
}

func (s *Stack) journalFile(kind engine.Kind) string {
	return filepath.Join(s.Config.StateDir, "restore."+string(kind))
}

// unfinishedFile names the volume that this process fills, for as long as nobody would miss it: should the process die,
// its watchdog removes that. A label would do so for good, and no engine can change one.
func (s *Stack) unfinishedFile() string {
	return filepath.Join(s.Config.StateDir, session.Temp("volume"))
}

// dataVolume is the volume of the own database on an engine, as services know it.
func (s *Stack) dataVolume(kind engine.Kind) (string, error) {
	path := s.dataFile(kind)
	name, err := readWord(path)
	switch {
	case err != nil:
		return "", err
	case name == "":
		return usualData, nil
	case !dataName.MatchString(name):
		return "", &UsageError{Reason: fmt.Sprintf("read %s: %q is no name of a data volume", path, name)}
	}
	return name, nil
}

// volumeName is the engine's name of that volume, for people.
func (s *Stack) volumeName(kind engine.Kind) string {
	name, err := s.dataVolume(kind)
	if err != nil {
		name = usualData
	}
	return s.services().Volume(name)
}

// useData makes a volume the own database's, for good: also a machine that loses power then knows of it.
func (s *Stack) useData(kind engine.Kind, name string) error {
	path := s.dataFile(kind)
	if err := forgetFile(s.unfinishedFile()); err != nil { // first: it must never name the volume in use
		return err
	}
	if name == usualData {
		return forgetFile(path)
	}
	if err := keep("data volume", path, name); err != nil {
		return err
	}
	return syncDir(s.Config.StateDir)
}

// begin writes down that a volume is going to be filled.
func (s *Stack) begin(kind engine.Kind, j journal) error {
	session.SweepTemp(s.Config.StateDir, "volume") // of runs that were killed together with their watchdogs
	text, err := json.Marshal(j)
	if err == nil {
		err = os.MkdirAll(s.Config.StateDir, 0o700)
	}
	if err == nil {
		err = keep("restore", s.journalFile(kind), string(text))
	}
	if err == nil {
		err = keep("restore", s.unfinishedFile(), s.services().Volume(j.New)+"\n")
	}
	if err != nil {
		return err
	}
	return syncDir(s.Config.StateDir)
}

// settle ends what a restore that died has begun: of its two volumes the one that is not in use is removed. It is
// called while nothing else works on the stack, and where the old one is the loser only once the new one has served.
func (s *Stack) settle(ctx context.Context, e Engine, r event.Reporter) error {
	kind := e.Info().Kind
	text, err := os.ReadFile(s.journalFile(kind))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var j journal
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	used, unknown := s.dataVolume(kind)
	if err = errors.Join(err, unknown); err != nil {
		return fmt.Errorf("end a restore that was cut short: %w", err)
	}
	for _, name := range []string{j.New, j.Old} {
		if name == used || name == "" || name != usualData && !dataName.MatchString(name) {
			continue
		}
		volume := s.services().Volume(name)
		found, err := e.VolumeInspect(ctx, volume)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err == nil {
			err = s.check(e, "volume", volume, found.Labels)
		}
		if err == nil {
			err = e.VolumeRemove(ctx, volume)
		}
		if err != nil {
			return err
		}
		r.Notice(fmt.Sprintf("removed volume %s, which a restore that was cut short has left", volume))
	}
	return errors.Join(forgetFile(s.unfinishedFile()), forgetFile(s.journalFile(kind)))
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
