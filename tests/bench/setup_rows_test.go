//go:build bench

package bench_test

import (
	"github.com/stretchr/testify/require"
)

// setups compare the whole road: from nothing, or from what runs already, to a migrated database.
func setups() group {
	return group{
		rows: []string{
			"setup, nothing changed, through mage", "setup, nothing changed, compiled", "setup, images built, fresh volume",
		},
		stack: true,
		prepare: func(s *site) []Row {
			warm, fresh, err := s.peers.compose(s.T)
			setup := s.mage(nil, "setup")
			require.NoError(s, setup(s.Context()))
			return []Row{
				against(Row{
					Name: "setup, nothing changed, through mage", Unit: Seconds, Goal: 0.03,
					Ours: Timed("mage setup", nil, setup), OursFloor: s.noop(),
				}, warm, nil, err),
				against(Row{
					Name: "setup, nothing changed, compiled", Unit: Seconds, Goal: 0.04,
					Ours: Timed("poststack setup", nil, s.compiled(nil, "setup")),
				}, warm, nil, err),
				against(Row{
					Name: "setup, images built, fresh volume", Unit: Seconds, Goal: 0.33,
					Ours: Timed("mage setup", s.mage(nil, "reset", "-yes"), setup), OursFloor: s.noop(),
				}, fresh, nil, err),
			}
		},
	}
}
