//go:build bench

package bench_test

import (
	"context"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/tests/checkout"
)

// rebuild builds images with nothing taken from the layer cache, one after the other.
func (s *site) rebuild(names ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		b, err := checkout.Builder(s.engine, s.c.Dir, s.TempDir())
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := b.Build(ctx, name, image.Options{Force: true, NoCache: true}, event.Reporter{}); err != nil {
				return err
			}
		}
		return nil
	}
}
