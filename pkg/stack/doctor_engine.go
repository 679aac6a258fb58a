package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/service"
)

// seenEngine is the engine in use as those open it that only look: nothing is swept. It waits until all engines have
// been looked at: an engine that is seen for the first time is tried out, and two trials at once disturb each other.
func (s *Stack) seenEngine(ctx context.Context) (Engine, error) {
	if _, err := s.engines(ctx); err != nil {
		return nil, err
	}
	return s.openEngine(ctx)
}

// engines asks every engine, once.
func (s *Stack) engines(ctx context.Context) ([]engine.Candidate, error) {
	return s.enginesOnce.get(func() ([]engine.Candidate, error) {
		if s.Engine != nil {
			return []engine.Candidate{{Info: s.Engine.Info(), Works: true, Selected: true}}, nil
		}
		return engine.Status(ctx, s.engineOptions(s.Sink.For("")))
	})
}

// unanswered is a question that failed: a problem, or only a sign of a busy machine when the time was over.
func unanswered(ctx context.Context, remedy string, err error) doctor.Finding {
	if ctx.Err() != nil {
		return finding(doctor.Warning, remedy, "no answer in time; the machine may be busy")
	}
	return finding(doctor.Problem, remedy, "%v", err)
}

// noEngine is what a check says that needs an engine where none works, which has a line of its own.
func noEngine() []doctor.Finding {
	return []doctor.Finding{finding(doctor.OK, "", "not looked at: no engine works")}
}

// checkEngines tells which engine works and which does not.
func (s *Stack) checkEngines(ctx context.Context) []doctor.Finding {
	candidates, err := s.engines(ctx)
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage engine:status", err)}
	}
	var out []doctor.Finding
	used := false
	for _, c := range candidates {
		used = used || c.Selected
		switch {
		case c.Works && c.Selected:
			out = append(out,
				finding(doctor.OK, "", "%s %s, which is used %s", c.Kind, c.Info.Version, strings.Join(c.Info.Workarounds, "; ")))
		case c.Works:
			out = append(out, finding(doctor.OK, "", "%s %s works, too", c.Kind, c.Info.Version))
		case c.Program == "":
			out = append(out, finding(doctor.OK, "", "%s is not installed: %s", c.Kind, c.Reason))
		default:
			remedy := cmp.Or(c.Remedy, fmt.Sprintf("POSTSTACK_ENGINE=%s mage engine:install", c.Kind))
			out = append(out, finding(doctor.Warning, remedy, "%s does not work: %s", c.Kind, c.Reason))
		}
	}
	if !used {
		out = append(out, finding(doctor.Problem, strings.Join(remedies(candidates), ", or "), "%s", s.noneWorks()))
	}
	return out
}

// remedies are what makes one or the other of them work.
func remedies(candidates []engine.Candidate) []string {
	var out []string
	for _, c := range candidates {
		remedy := cmp.Or(c.Remedy, "mage engine:install")
		if !c.Works && !slices.Contains(out, remedy) {
			out = append(out, remedy)
		}
	}
	return out
}

// checkStorage tells whether the engine's images are on something slow. Measured for one build: native overlay
// 0.7 s, fuse-overlayfs 7 s, vfs 11 s.
func (s *Stack) checkStorage(ctx context.Context) []doctor.Finding {
	e, err := s.seenEngine(ctx)
	if err != nil {
		return noEngine()
	}
	switch driver := e.Info().StorageDriver; driver {
	case "vfs", "fuse-overlayfs":
		return []doctor.Finding{finding(doctor.Warning, "use native overlay: docs/troubleshooting.md",
			"%s: builds take about ten times as long as on native overlay", driver)}
	default:
		return []doctor.Finding{finding(doctor.OK, "", "%s", driver)}
	}
}

// checkSpace looks at where the engine, the cache and the checkout are.
func (s *Stack) checkSpace(ctx context.Context) []doctor.Finding {
	places := []doctor.Place{{What: "checkout", Path: s.Config.Root}, {What: "cache", Path: s.Config.CacheDir}}
	if e, err := s.seenEngine(ctx); err == nil && e.Info().StoreDir != "" {
		places = append(places, doctor.Place{What: "engine", Path: e.Info().StoreDir})
	}
	return doctor.Space(places, nil).Look(ctx)
}

// checkOwnPort tells whether the own database has its port, or could have it.
func (s *Stack) checkOwnPort(ctx context.Context) []doctor.Finding {
	if s.External() {
		return []doctor.Finding{finding(doctor.OK, "", "DATABASE_URL is set: none is needed")}
	}
	e, err := s.seenEngine(ctx)
	if err != nil {
		return noEngine()
	}
	port, err := s.rememberedPort(ctx)
	if errors.Is(err, errNotSetUp) {
		return []doctor.Finding{finding(doctor.OK, "", "none is chosen yet; the first free one will be")}
	}
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage status", err)}
	}
	c, err := e.ContainerInspect(ctx, s.containerName())
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return []doctor.Finding{unanswered(ctx, "mage status", err)}
	}
	if err == nil && c.State == engine.Running {
		if err := service.Elsewhere(ctx, e, c, port); err != nil {
			return []doctor.Finding{finding(doctor.Problem, "run mage where the engine runs, or with --network host", "%v", err)}
		}
		if service.Publishes(c, port) {
			return []doctor.Finding{finding(doctor.OK, "", "%d of 127.0.0.1 is this stack's database", port)}
		}
	}
	owner, unknown := s.owner(e.Info().Kind)
	if err == nil && unknown == nil && service.EndsFirst(c, owner) {
		return []doctor.Finding{finding(doctor.OK, "", "%d of 127.0.0.1 may still be held by this stack's database, which %s",
			port, container.Fault(c))}
	}
	here := engine.Port{HostIP: service.Loopback, Host: port}
	if service.PortFree(here) {
		return []doctor.Finding{finding(doctor.OK, "", "%d of 127.0.0.1 is free for this stack's database", port)}
	}
	f := finding(doctor.Problem, "stop it, or set POSTSTACK_DATABASE_PORT",
		"%d of 127.0.0.1 is held by %s", port, service.Holder(ctx, e, here))
	if service.Diverted(here) {
		f.Remedy = "mage doctor -fix, if an ended container has left it; else remove it, or set POSTSTACK_DATABASE_PORT"
		f.Fix = func(ctx context.Context) (string, error) { return clearPort(ctx, e, here) }
	}
	return []doctor.Finding{f}
}

// clearPort removes what an ended container has left on a port.
func clearPort(ctx context.Context, e Engine, port engine.Port) (string, error) {
	free, err := service.Free(ctx, e, port)
	if err == nil && !free {
		err = errors.New("no ended container has left it")
	}
	return "removed what an ended container had left", err
}

// checkLeftovers looks for what runs that died have left on the engine.
func (s *Stack) checkLeftovers(ctx context.Context) []doctor.Finding {
	e, err := s.seenEngine(ctx)
	if err != nil {
		return noEngine()
	}
	names, err := container.Leftovers(ctx, e)
	switch {
	case err != nil:
		return []doctor.Finding{unanswered(ctx, "mage engine:status", err)}
	case len(names) == 0:
		return []doctor.Finding{finding(doctor.OK, "", "none")}
	}
	f := finding(doctor.Warning, "mage doctor -fix", "left behind by killed runs: %s", strings.Join(names, ", "))
	f.Fix = func(ctx context.Context) (string, error) {
		swept, err := container.Sweep(ctx, e)
		return "removed " + strings.Join(swept, ", "), err
	}
	return []doctor.Finding{f}
}
