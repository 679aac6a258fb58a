//go:build bench

package bench_test

import (
	"context"

	"github.com/poststack/poststack/pkg/bench"
)

// setupRows compare the whole road: from nothing, or from what runs already, to a migrated database.
func (s *site) setupRows() []bench.Row {
	noop := bench.Timed("a target that does nothing", nil, s.mage(nil, "noop"))
	warm, fresh, missing := s.peers.compose(s.T)
	reset := s.mage(nil, "reset", "-yes")
	return []bench.Row{
		{
			Name: "setup, nothing changed, through mage", Unit: bench.Seconds, Goal: 0.03, Missing: missing,
			Ours: bench.Timed("mage setup", s.mage(nil, "setup"), s.mage(nil, "setup")), OursFloor: noop, Peer: warm,
		},
		{
			Name: "setup, nothing changed, compiled", Unit: bench.Seconds, Goal: 0.04, Missing: missing,
			Ours: bench.Timed("poststack setup", nil, s.compiled(nil, "setup")), Peer: warm,
		},
		{
			Name: "setup, images built, fresh volume", Unit: bench.Seconds, Goal: 0.33, Missing: missing,
			Ours: bench.Timed("mage setup", reset, s.mage(nil, "setup")), OursFloor: noop, Peer: fresh,
		},
	}
}

// buildRows compare builds with builds of the same images.
func (s *site) buildRows() []bench.Row {
	edits := 0
	edit := func(ctx context.Context) error {
		edits++
		return s.append("containers/postgres/entrypoint.sh", edits)
	}
	return []bench.Row{
		{
			Name: "one file of postgres changed → rebuilt", Unit: bench.Seconds, Goal: 0.15,
			Ours: bench.Timed("build:postgres", edit, s.compiled(nil, "build:postgres")),
			Peer: bench.Timed("its full build", nil, s.rebuild("postgres")),
		},
		{
			Name: "cold build of all images", Unit: bench.Seconds, Goal: 0.7,
			Ours: bench.Timed("build:all", nil, s.compiled(nil, "build:all", "-force", "-noCache")),
			Peer: bench.Timed("one after the other", nil, s.rebuild(s.names()...)),
		},
	}
}
