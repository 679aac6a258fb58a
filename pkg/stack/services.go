package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// ServiceData is a service as a value for machines.
type ServiceData struct {
	Service string       `json:"service"`
	State   string       `json:"state"` // what was done: kept, started, made, replaced, recreated, reloaded, stopped
	Ports   []PortStatus `json:"ports"`
}

// StartServices has services running and healthy, each after those that it depends on: all that the settings choose, or
// the one that is named and what it needs. The database is started by its own phase.
func (s *Stack) StartServices(ctx context.Context, only string) error {
	logins := &logins{stack: s}
	start := func(ctx context.Context, e Engine, r event.Reporter, name string, met func()) (ServiceData, error) {
		return s.startSignedIn(ctx, e, r, name, met, logins.of)
	}
	return s.eachService(ctx,
		serviceWork{phase: "services:start", only: only, needs: true, early: logins.begin, do: start})
}

func (s *Stack) startService(
	ctx context.Context, e Engine, r event.Reporter, name string, met func(),
) (ServiceData, error) {
	return s.startSignedIn(ctx, e, r, name, met, s.serviceLogin)
}

// startSignedIn is [Stack.startService] with a login that may have been asked for before.
func (s *Stack) startSignedIn(
	ctx context.Context, e Engine, r event.Reporter, name string, met func(),
	loginOf func(context.Context, image.Definition) (*service.Login, error),
) (ServiceData, error) {
	d, err := s.definition(name)
	if err != nil {
		return ServiceData{}, err
	}
	owner, err := s.claim(ctx, e)
	if err != nil {
		return ServiceData{}, err
	}
	login, err := loginOf(ctx, d)
	if err != nil {
		return ServiceData{}, err
	}
	declared, c, change, err := s.haveService(ctx, e, r, d, owner, login)
	if err != nil {
		return ServiceData{}, err
	}
	if change == container.Kept { // it served before this run: whether it still does is asked beside what needs it
		met()
	} else {
		r.Step(fmt.Sprintf("container %s %s; waiting until it answers", declared.Spec.Name, change))
	}
	err = s.awaitService(ctx, e, r, d, c, change == container.Kept && c.KeptUp)
	return ServiceData{Service: name, State: string(change), Ports: portsOf(declared.Spec.Ports)}, err
}

// awaitService waits until a service is healthy; kept tells that the engine keeps it up already.
func (s *Stack) awaitService(
	ctx context.Context, e Engine, r event.Reporter, d image.Definition, c engine.Container, kept bool,
) error {
	ctx, cancel := within(ctx, s.Config.Timeout.Start, "start", "POSTSTACK_TIMEOUT_START")
	defer cancel()
	err := service.Runner{Engine: e, Report: r}.Await(ctx, *d.Service, c)
	if d.Service.Restart != image.NeverRestart {
		return s.keepUp(ctx, r, e, c.Name, kept, err)
	}
	if err == nil {
		err = s.stayDown(e, c)
	}
	return err
}

// ReloadServices has running services take a changed configuration, and asks whether they are healthy with it.
func (s *Stack) ReloadServices(ctx context.Context, only string) error {
	reload := func(ctx context.Context, e Engine, r event.Reporter, name string, _ func()) (ServiceData, error) {
		return s.reloadService(ctx, e, r, name, only != "")
	}
	return s.eachService(ctx, serviceWork{phase: "services:reload", only: only, do: reload})
}

// reloadService passes over a service that cannot reload, unless it is the one that was named.
func (s *Stack) reloadService(
	ctx context.Context, e Engine, r event.Reporter, name string, named bool,
) (ServiceData, error) {
	d, c, err := s.runningService(ctx, e, name, named)
	switch {
	case err != nil || c.ID == "":
		return ServiceData{}, err
	case d.Service.Reload == nil && named:
		return ServiceData{}, badUsage("service %s cannot reload: containers/%s/image.yaml declares no reload", name, name)
	case d.Service.Reload == nil:
		return ServiceData{}, nil
	}
	runner := service.Runner{Engine: e, Report: r}
	if err := runner.Reload(ctx, *d.Service.Reload, c.ID); err != nil {
		return ServiceData{}, err
	}
	return ServiceData{Service: name, State: "reloaded", Ports: portsOf(c.Ports)}, runner.Await(ctx, *d.Service, c)
}

// runningService is a service and its container; without an ID if it does not run, which is refused for one that was
// named.
func (s *Stack) runningService(
	ctx context.Context, e Engine, name string, named bool,
) (image.Definition, engine.Container, error) {
	d, err := s.definition(name)
	if err != nil {
		return d, engine.Container{}, err
	}
	c, err := s.serviceContainer(ctx, e, name)
	switch {
	case err != nil || c.State == engine.Running:
		return d, c, err
	case named:
		return d, c, badUsage("service %s does not run: start it with mage services:start", name)
	}
	return d, engine.Container{}, nil
}

// StopServices stops services, those first that others do not need. Their volumes stay; the database runs on.
func (s *Stack) StopServices(ctx context.Context, only string) error {
	return s.eachService(ctx, serviceWork{phase: "services:stop", only: only, backwards: true, do: s.stopService})
}

func (s *Stack) stopService(
	ctx context.Context, e Engine, _ event.Reporter, name string, _ func(),
) (ServiceData, error) {
	c, err := s.serviceContainer(ctx, e, name)
	if err != nil || c.ID == "" {
		return ServiceData{}, err
	}
	if c.State == engine.Exited || c.State == engine.Created {
		return ServiceData{}, s.stayDown(e, c)
	}
	return ServiceData{Service: name, State: "stopped", Ports: portsOf(nil)}, s.stopContainer(ctx, e, c)
}

// serviceWork is what is done for which services.
type serviceWork struct {
	phase     string
	only      string // the one that is meant; "" is all
	needs     bool   // also for what that one depends on
	backwards bool   // those first that others do not need
	// early is begun for all at once, whatever they wait for.
	early func(ctx context.Context, name string)
	// do works on one service; it may call met as soon as those that wait for it may go on.
	do func(ctx context.Context, e Engine, r event.Reporter, name string, met func()) (ServiceData, error)
}

// eachService does something for services in the order of their dependencies, and tells what was done.
func (s *Stack) eachService(ctx context.Context, work serviceWork) error {
	return s.run(ctx, work.phase, Unexpected, func(ctx context.Context, r event.Reporter) (ended, error) {
		images, err := s.catalogue()
		if err != nil {
			return ended{}, err
		}
		names, err := s.selected(images, work)
		if err != nil {
			return ended{}, err
		}
		if len(names) == 0 {
			return ended{Outcome: event.Unchanged, Text: noneChosen(images), Data: []ServiceData{}}, nil
		}
		e, err := s.engine(ctx)
		if err != nil {
			return ended{}, err
		}
		done, err := work.inOrder(ctx, images, names, e, r)
		return told(done), err
	})
}

// inOrder works on services, each after those that it waits for, and lists those with which something was done.
func (w serviceWork) inOrder(
	ctx context.Context, images *image.Catalogue, names []string, e Engine, r event.Reporter,
) ([]ServiceData, error) {
	ctx, cancel := context.WithCancel(ctx)
	var early sync.WaitGroup
	defer early.Wait()
	defer cancel()
	for _, name := range names {
		if w.early != nil {
			early.Go(func() { w.early(ctx, name) })
		}
	}
	var mu sync.Mutex
	done := []ServiceData{}
	err := service.InOrder(ctx, names, w.waits(images, names), func(ctx context.Context, name string, met func()) error {
		data, err := w.do(ctx, e, r, name, met)
		if err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if data.Service != "" {
			done = append(done, data)
		}
		return nil
	})
	return done, err
}

// told is what was done with services.
func told(done []ServiceData) ended {
	slices.SortFunc(done, func(a, b ServiceData) int { return strings.Compare(a.Service, b.Service) })
	out := ended{Outcome: event.Unchanged, Text: "nothing to do", Data: done}
	var parts []string
	for _, d := range done {
		text := d.Service + " " + d.State
		if d.State == string(container.Kept) {
			text = d.Service + " runs already"
		} else {
			out.Outcome = event.Done
		}
		for _, p := range d.Ports {
			text += fmt.Sprintf(", %d on %s", p.Container, p)
		}
		parts = append(parts, text)
	}
	if len(parts) > 0 {
		out.Text = strings.Join(parts, "; ")
	}
	return out
}

// serviceContainer is the container of a service; the zero value if there is none. One of somebody else's is refused.
func (s *Stack) serviceContainer(ctx context.Context, e Engine, name string) (engine.Container, error) {
	c, err := container.Find(ctx, e, s.services().Container(name))
	if err != nil || c.ID == "" {
		return c, err
	}
	return c, s.check(e, "container", c.Name, c.Labels)
}
