package stack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// InstallEngine installs and starts a container engine, unless the one that is wanted works already.
func (s *Stack) InstallEngine(ctx context.Context) error {
	return s.run(ctx, "engine:install", NoEngine, func(ctx context.Context, r event.Reporter) (ended, error) {
		var info engine.Info
		tries := 0
		o := engine.InstallOptions{Options: s.engineOptions(r), StateDir: filepath.Dir(s.Config.StateDir)}
		o.Works = func(ctx context.Context) error {
			tries++
			e, err := engine.Open(ctx, o.Options)
			if err != nil {
				return err
			}
			info = e.Info()
			return e.Close()
		}
		if err := engine.Install(ctx, o); err != nil {
			return ended{}, err
		}
		enabled, err := s.boot().Install(ctx, info, r)
		if err != nil { // which keeps nobody from working
			r.Warn(err.Error())
		}
		text := fmt.Sprintf("%s %s works", info.Kind, info.Version)
		if tries > 1 {
			return ended{Outcome: event.Done, Text: text + " now"}, nil
		}
		if enabled {
			return ended{Outcome: event.Done, Text: text +
				" already; what starts its containers after a reboot was written to " + filepath.Dir(s.Config.StateDir)}, nil
		}
		return ended{Outcome: event.Unchanged, Text: text + " already"}, nil
	})
}

// autoEngine is the engine that auto means while the stack has a database: on another one there would be a new, empty
// one. It is "" where there is none, another database is in use, or auto is not set. If both engines have a database,
// it is the one that auto takes first.
func (s *Stack) autoEngine() engine.Kind {
	for _, kind := range engine.Order(s.Getenv) {
		if s.Config.Engine == "auto" && !s.External() && s.hasData(kind) {
			return kind
		}
	}
	return ""
}

// boundTo adds to an engine that does not work why no other is taken.
func (s *Stack) boundTo(err error) error {
	var unusable *engine.UnusableError
	kind, other := s.autoEngine(), engine.Docker
	if kind == "" || !errors.As(err, &unusable) {
		return err
	}
	if kind == engine.Docker {
		other = engine.Podman
	}
	return fmt.Errorf("%w; this stack's database is on %s, so that auto takes no other engine: POSTSTACK_ENGINE=%s "+
		"uses %s, with a database of its own", err, kind, other, other)
}

// EngineStatus reports each engine: its version and what it needed to work, or why it was rejected.
func (s *Stack) EngineStatus(ctx context.Context) error {
	found, err := engine.Status(ctx, s.engineOptions(s.Sink.For("")))
	if err != nil {
		return s.failure("engine:status", NoEngine, err)
	}
	report := event.Report{Header: []string{"engine", "used", "version", "rootless", "storage", "notes"}, Data: found}
	used := false
	for _, c := range found {
		notes := strings.Join(c.Workarounds, "; ")
		if !c.Works {
			notes = strings.Join(strings.Fields(c.Reason), " ")
		}
		report.Rows = append(report.Rows,
			[]string{string(c.Kind), yesNo(c.Selected), c.Version, yesNo(c.Rootless), c.StorageDriver, notes})
		used = used || c.Selected
	}
	s.Sink.Result(report)
	if !used {
		s.Sink.For("").Warn(s.noneWorks() + "; remedy: " + strings.Join(remedies(found), ", or "))
	}
	return nil
}

// noneWorks says which engine was wanted and does not work.
func (s *Stack) noneWorks() string {
	text := "no engine works for POSTSTACK_ENGINE=" + s.Config.Engine
	if kind := s.autoEngine(); kind != "" {
		text += fmt.Sprintf(", which means %s while it has this stack's database", kind)
	}
	return text
}

// yesNo is a truth value in a table.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
