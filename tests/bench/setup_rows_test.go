//go:build bench

package bench_test

import (
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/bench"
)

// setups compare the whole road: from nothing, or from what runs already, to a migrated database.
func setups() group {
	return group{
		rows:  []string{"setup, nothing changed, through mage", "setup, nothing changed, compiled", "setup, images built, fresh volume"},
		stack: true,
		prepare: func(s *site) []bench.Row {
			warm, fresh, err := s.peers.compose(s.T)
			setup := s.mage(nil, "setup")
			require.NoError(s, setup(s.Context()))
			return []bench.Row{
				against(bench.Row{
					Name: "setup, nothing changed, through mage", Unit: bench.Seconds, Goal: 0.03,
					Ours: bench.Timed("mage setup", nil, setup), OursFloor: s.noop(),
				}, warm, nil, err),
				against(bench.Row{
					Name: "setup, nothing changed, compiled", Unit: bench.Seconds, Goal: 0.04,
					Ours: bench.Timed("poststack setup", nil, s.compiled(nil, "setup")),
				}, warm, nil, err),
				against(bench.Row{
					Name: "setup, images built, fresh volume", Unit: bench.Seconds, Goal: 0.33,
					Ours: bench.Timed("mage setup", s.mage(nil, "reset", "-yes"), setup), OursFloor: s.noop(),
				}, fresh, nil, err),
			}
		},
	}
}
