package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// Reset deletes the stack's containers, network and data volume, and forgets its password and port. It names
// them first and asks for the stack's name, unless yes is set; without a terminal to ask on it refuses.
func (s *Stack) Reset(ctx context.Context, yes bool) error {
	return s.run(ctx, "reset", Unexpected, func(ctx context.Context, r event.Reporter) (ended, error) {
		e, err := s.engine(ctx)
		if err != nil {
			return ended{}, err
		}
		s.sayOwn(r)
		found, err := s.belongings(ctx, e)
		if err != nil {
			return ended{}, err
		}
		names := found.names()
		tell := r.Notice
		if !yes {
			tell = r.Warn // also where notices are not shown: nobody is asked about what was not named
		}
		for _, name := range names {
			tell("will delete " + name)
		}
		for _, stays := range found.occupied {
			r.Warn(stays)
		}
		if len(names) > 0 && !yes {
			if err := s.confirm(ctx, r); err != nil {
				return ended{}, err
			}
		}
		if _, err := s.unschedule(ctx); err != nil {
			return ended{}, err
		}
		if err := s.remove(ctx, e, found); err != nil {
			return ended{}, err
		}
		if err := s.forget(e.Info().Kind); err != nil {
			return ended{}, err
		}
		if len(names) == 0 {
			return ended{Outcome: event.Unchanged, Text: "there was nothing to delete"}, nil
		}
		s.lockOnce.value.spent = true
		return ended{
			Outcome: event.Done,
			Text:    strings.Join(append([]string{"deleted " + strings.Join(names, ", ")}, found.occupied...), "; "),
		}, nil
	})
}

// remove deletes what belongs to the stack: containers before what they use.
func (s *Stack) remove(ctx context.Context, e Engine, b belongings) error {
	for _, c := range b.containers {
		if err := s.stayDown(e, c); err != nil {
			return err
		}
		if err := container.Remove(ctx, e, c, s.Config.Timeout.Stop); err != nil {
			return err
		}
	}
	if err := e.ContainerEndLost(ctx, s.containerName()); err != nil {
		return err
	}
	for _, n := range b.networks {
		if err := e.NetworkRemove(ctx, n.Name); err != nil {
			return err
		}
	}
	// From here on nobody misses the data: an engine may have removed a volume without being able to say so.
	if err := os.RemoveAll(s.portFileOf(e.Info().Kind)); err != nil {
		return fmt.Errorf("forget the port: %w", err)
	}
	for _, v := range b.volumes {
		if err := e.VolumeRemove(ctx, v.Name); err != nil {
			return err
		}
	}
	return nil
}

// forget deletes the password that was generated, with the owner and the key. While the stack's database on the other
// engine may still use them, they stay; so does a password file of the user's.
func (s *Stack) forget(kind engine.Kind) error {
	paths := []string{
		s.dataFile(kind), s.journalFile(kind), s.formerFile(kind), s.passFile(),
		filepath.Join(s.servicesDir(), string(kind)),
	}
	if others, err := filepath.Glob(filepath.Join(s.Config.StateDir, "port.*")); err == nil && len(others) == 0 {
		paths = append(paths, s.passwordFile(), s.ownerFile(), s.keyFile(), s.servicesDir(), s.authorityDir())
	}
	var problems []error
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			problems = append(problems, fmt.Errorf("forget %q: %w", path, err))
		}
	}
	return errors.Join(problems...)
}

// confirm asks for the stack's name. Reading ends when ctx does.
func (s *Stack) confirm(ctx context.Context, r event.Reporter) error {
	if !s.canAsk() {
		return badUsage("reset deletes data and there is no terminal to ask on: run mage reset -yes")
	}
	name := s.Config.Stack
	r.Warn(fmt.Sprintf("this cannot be undone; type the stack's name (%s) to go on:", name))
	switch got, err := s.answer(ctx); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil || got != name: // a terminal that is gone confirms nothing
		return badUsage("reset was not confirmed: %q is not %q; nothing was deleted", got, name)
	}
	return nil
}
