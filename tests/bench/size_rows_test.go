//go:build bench

package bench_test

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/image"
)

// sizes tell how large the images are, unpacked.
func sizes() group {
	row := func(s *site, name string, goal float64) Row {
		return Row{
			Name: "size of " + name, Unit: Megabytes, Goal: goal,
			Ours: &Probe{What: name, Measure: func(ctx context.Context) (float64, error) {
				img, err := s.engine.ImageInspect(ctx, image.LatestRef(name))
				return float64(img.SizeBytes) / 1e6, err
			}},
		}
	}
	return group{
		rows: []string{"size of base-debian", "size of postgres", "size of liquibase"},
		prepare: func(s *site) []Row {
			if s.result.Contents == nil {
				contents, err := s.contents(s.Context())
				require.NoError(s, err)
				s.result.Contents = contents
			}
			return []Row{row(s, "base-debian", 190), row(s, "postgres", 400), row(s, "liquibase", 270)}
		},
	}
}
