package stack

import (
	"context"
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
		text := fmt.Sprintf("%s %s works", info.Kind, info.Version)
		if tries > 1 {
			return ended{Outcome: event.Done, Text: text + " now"}, nil
		}
		return ended{Outcome: event.Unchanged, Text: text + " already"}, nil
	})
}

// EngineStatus reports each engine: its version and what it needed to work, or why it was rejected.
func (s *Stack) EngineStatus(ctx context.Context) error {
	found, err := engine.Status(ctx, s.engineOptions(s.Sink.For("")))
	if err != nil {
		return s.failure("engine:status", NoEngine, err)
	}
	report := event.Report{Header: []string{"engine", "used", "version", "rootless", "storage", "notes"}, Data: enginesData(found)}
	used := false
	for _, c := range found {
		notes := strings.Join(c.Info.Workarounds, "; ")
		if !c.Works {
			notes = strings.Join(strings.Fields(c.Reason), " ")
		}
		report.Rows = append(report.Rows, []string{string(c.Kind), yesNo(c.Selected), c.Info.Version, yesNo(c.Info.Rootless), c.Info.StorageDriver, notes})
		used = used || c.Selected
	}
	s.Sink.Result(report)
	if !used {
		s.Sink.For("").Warn(fmt.Sprintf("no engine works for POSTSTACK_ENGINE=%s; install one with: mage engine:install", s.Config.Engine))
	}
	return nil
}

// yesNo is a truth value in a table.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
