//go:build bench

package bench_test

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/tests/checkout"
)

// builds compare builds with builds of the same images.
func builds() group {
	return group{
		rows:  []string{"one file of postgres changed → rebuilt", "cold build of all images"},
		stack: true,
		prepare: func(s *site) []Row {
			b, err := checkout.Builder(s.engine, s.c.Dir, s.TempDir())
			require.NoError(s, err)
			change := s.edits("containers/postgres/entrypoint.sh")
			return []Row{
				{
					Name: "one file of postgres changed → rebuilt", Unit: Seconds, Goal: 0.15,
					Ours: Timed("build:postgres", change, s.compiled(nil, "build:postgres")),
					Peer: Timed("its full build", nil, rebuild(b, "postgres")),
				},
				{
					Name: "cold build of all images", Unit: Seconds, Goal: 0.7,
					Ours: Timed("build:all", nil, s.compiled(nil, "build:all", "-force", "-noCache")),
					Peer: Timed("one after the other", nil, rebuild(b, b.Catalogue.Names()...)),
				},
			}
		},
	}
}

// rebuild builds images with nothing taken from the layer cache, one after the other.
func rebuild(b *image.Builder, names ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		o := image.Options{Force: true, NoCache: true, Renewal: &image.Renewal{}}
		for _, name := range names {
			if _, err := b.Build(ctx, name, o, event.Reporter{}); err != nil {
				return err
			}
		}
		return nil
	}
}
