package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/schema"
)

// Setup ends a set-up whose phases were its dependencies: it asks the database whether all is there, and then says
// how to connect.
func (s *Stack) Setup(ctx context.Context) error {
	target, err := s.Target(ctx)
	if err == nil {
		err = s.checkReady(ctx, target)
	}
	if err != nil {
		return s.failure("setup", SchemaWork, err)
	}
	changed := ""
	if !s.changed.Load() {
		changed = "nothing had changed: nothing was built, started or migrated. "
	}
	s.Sink.Result(event.Report{
		Text: fmt.Sprintf("%s%s is ready; connect with: mage psql", changed, target.Redacted()),
		Data: ReadyData{Database: target.Redacted(), Changed: s.changed.Load()},
	})
	return nil
}

// checkReady asks the database itself: others may stop or change it while the phases run.
func (s *Stack) checkReady(ctx context.Context, target database.Target) error {
	ctx, cancel := within(ctx, s.Config.Timeout.Connect, "ask the database", "POSTSTACK_TIMEOUT_CONNECT")
	defer cancel()
	m, err := s.migrator(target, nil, event.Reporter{})
	if err != nil {
		return err
	}
	state, err := m.Status(ctx)
	if err != nil {
		return fmt.Errorf("it was set up, but not found ready afterwards: %w", err)
	}
	if err := s.checkServed(ctx, target); err != nil {
		return err
	}
	if state.Kind == schema.Current || state.Kind == schema.None && len(state.Pending()) == 0 { // a changelog may be empty
		return nil
	}
	return fmt.Errorf(
		"it was set up, but its schema is not current any more: %s; has someone else changed it? Run it again: mage setup",
		state,
	)
}

// Down stops the stack's containers and keeps them and the data.
func (s *Stack) Down(ctx context.Context) error {
	return s.run(ctx, "down", Unexpected, func(ctx context.Context, r event.Reporter) (ended, error) {
		e, err := s.engine(ctx)
		if err != nil {
			return ended{}, err
		}
		s.sayOwn(r)
		containers, err := s.ownContainers(ctx, e)
		if err != nil {
			return ended{}, err
		}
		stopped, starter := 0, ""
		for _, c := range containers {
			if c.State == engine.Exited || c.State == engine.Created {
				if err := s.stayDown(e, c); err != nil {
					return ended{}, err
				}
				continue
			}
			r.Step("stopping " + c.Name)
			if err := s.stopContainer(ctx, e, c); err != nil {
				return ended{}, err
			}
			stopped++
			if starter != "mage services:start" { // which starts the database, too
				starter = s.starter(c.Name)
			}
		}
		if stopped == 0 {
			return ended{Outcome: event.Unchanged, Text: "nothing was running"}, nil
		}
		return ended{Outcome: event.Done, Text: fmt.Sprintf("%d stopped; the data stays in volume %s; start again with: %s",
			stopped, s.volumeName(e.Info().Kind), starter)}, nil
	})
}

// sayOwn tells someone who works with another database what is stopped or deleted here.
func (s *Stack) sayOwn(r event.Reporter) {
	if s.External() {
		r.Notice("this is about Poststack's own database; the one that DATABASE_URL names is not touched")
	}
}

// belongings are what a reset deletes.
type belongings struct {
	containers []engine.Container
	networks   []engine.Network
	volumes    []engine.Volume
	occupied   []string // networks that stay, and which containers of others are on them, in words
}

// names lists them for the question and the closing line.
func (b belongings) names() []string {
	var names []string
	for _, c := range b.containers {
		names = append(names, "container "+c.Name)
	}
	for _, n := range b.networks {
		names = append(names, "network "+n.Name)
	}
	for _, v := range b.volumes {
		names = append(names, "volume "+v.Name+" (all data in it)")
	}
	return names
}

// belongings finds everything that carries the stack's label, and refuses if one thing of it is somebody else's. A
// data volume that the user made and named carries none, and is never deleted.
func (s *Stack) belongings(ctx context.Context, e Engine) (b belongings, err error) {
	label := map[string]string{container.LabelStack: s.Config.Stack}
	var problems [3]error
	b.containers, problems[0] = s.ownContainers(ctx, e)
	b.networks, problems[1] = e.NetworkList(ctx, label)
	b.volumes, problems[2] = e.VolumeList(ctx, label)
	for _, n := range b.networks {
		problems[1] = errors.Join(problems[1], s.check(e, "network", n.Name, n.Labels))
	}
	problems[1] = errors.Join(problems[1], b.spareOccupied(ctx, e))
	for _, v := range b.volumes {
		problems[2] = errors.Join(problems[2], s.check(e, "volume", v.Name, v.Labels))
	}
	return b, cmp.Or(problems[:]...)
}

// ownContainers lists the containers of the stack, and refuses if one of them is somebody else's.
func (s *Stack) ownContainers(ctx context.Context, e Engine) ([]engine.Container, error) {
	found, err := e.ContainerList(ctx, map[string]string{container.LabelStack: s.Config.Stack})
	for _, c := range found {
		if err == nil {
			err = s.check(e, "container", c.Name, c.Labels)
		}
	}
	return found, err
}

// spareOccupied leaves out the networks that containers of others are on: an engine removes none of these.
func (b *belongings) spareOccupied(ctx context.Context, e Engine) error {
	var free []engine.Network
	for _, n := range b.networks {
		guests, err := e.NetworkGuests(ctx, n.Name)
		if err != nil {
			return err
		}
		guests = slices.DeleteFunc(guests, func(name string) bool {
			return slices.ContainsFunc(b.containers, func(c engine.Container) bool { return c.Name == name })
		})
		if len(guests) == 0 {
			free = append(free, n)
			continue
		}
		b.occupied = append(b.occupied,
			fmt.Sprintf("network %s stays: other containers are attached to it: %s", n.Name, strings.Join(guests, ", ")))
	}
	b.networks = free
	return nil
}
