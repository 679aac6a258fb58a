//go:build bench

package bench_test

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/bench"
	"github.com/poststack/poststack/pkg/image"
)

// sizes tell how large the images are, unpacked.
func sizes() group {
	row := func(s *site, name string, goal float64) bench.Row {
		return bench.Row{
			Name: "size of " + name, Unit: bench.Megabytes, Goal: goal,
			Ours: &bench.Probe{What: name, Measure: func(ctx context.Context) (float64, error) {
				img, err := s.engine.ImageInspect(ctx, image.LatestRef(name))
				return float64(img.SizeBytes) / 1e6, err
			}},
		}
	}
	return group{
		rows: []string{"size of base-debian", "size of postgres", "size of liquibase"},
		prepare: func(s *site) []bench.Row {
			if s.result.Contents == nil {
				contents, err := s.contents(s.Context())
				require.NoError(s, err)
				s.result.Contents = contents
			}
			return []bench.Row{row(s, "base-debian", 190), row(s, "postgres", 400), row(s, "liquibase", 270)}
		},
	}
}
