//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/tests/checkout"
)

// growth is curves that are prepared together, and only when they are asked for.
type growth struct {
	names   []string
	prepare func(*site) []Growth
}

// growths are all curves. They call the compiled program or less: mage's own start, the same for every size, would
// hide how a curve begins.
func growths() []growth { return []growth{updateCurves(), imageCurves(), copyCurves()} }

func (g growth) asked(o options) bool {
	return o.curves && slices.ContainsFunc(g.names, o.rows.MatchString)
}

// grow measures the curves of a group. One that breaks fails the run, and the others go on.
func (s *site) grow(ctx context.Context, g growth, o options) {
	s.Run(g.names[0], func(t *testing.T) {
		at := *s
		at.T = t
		for i, curve := range g.prepare(&at) {
			require.Equal(t, g.names[i], curve.Name)
			if !o.rows.MatchString(curve.Name) {
				continue
			}
			curve.Engine = string(s.kind)
			fmt.Fprintf(os.Stdout, "%s  %s %v, %s\n", time.Now().Format(time.TimeOnly), curve.Name, curve.Sizes, s.kind)
			c, err := curve.Measure(ctx, o.rounds)
			if err != nil {
				t.Error(err)
				continue
			}
			s.result.Curves = append(s.result.Curves, c)
		}
	})
}

// updateCurves are migrations on the stack's own server, with changelogs of different lengths.
func updateCurves() growth {
	names := []string{"update of an empty database", "update with nothing pending"}
	return growth{names: names, prepare: func(s *site) []Growth {
		v := s.stackServer()
		sizes := []int{1, 10, 100, 1000}
		run := func(size int, name string) func(context.Context) error {
			return s.compiled(s.changelogEnv(v, size, name), "schema:update")
		}
		current := func(size int) string { return fmt.Sprintf("current%d", size) }
		for _, size := range sizes {
			require.NoError(s, v.recreate(s.Context(), current(size)))
			require.NoError(s, run(size, current(size))(s.Context()))
		}
		return []Growth{
			{Name: names[0], Per: "changeset", Sizes: sizes, At: func(size int) *Probe {
				return Timed("schema:update", func(ctx context.Context) error { return v.recreate(ctx, "bench") },
					run(size, "bench"))
			}},
			{Name: names[1], Per: "changeset", Sizes: sizes, At: func(size int) *Probe {
				return Timed("schema:update", nil, run(size, current(size)))
			}},
		}
	}}
}

// imageCurves are builds of small images on our base, in a catalogue of their own.
func imageCurves() growth {
	names := []string{"build with nothing changed", "build from the layer cache"}
	return growth{names: names, prepare: func(s *site) []Growth {
		root := s.TempDir()
		sizes := []int{1, 3, 10}
		require.NoError(s, os.CopyFS(filepath.Join(root, "containers", "base-debian"),
			os.DirFS(filepath.Join("..", "..", "containers", "base-debian"))))
		for n := range slices.Max(sizes) {
			s.smallImage(root, n)
		}
		b, err := checkout.Builder(s.engine, root, s.TempDir())
		require.NoError(s, err)
		built := func(o image.Options) func(size int) *Probe {
			return func(size int) *Probe {
				return Timed("build", nil, func(ctx context.Context) error {
					for n := range size {
						if _, err := b.Build(ctx, smallName(n), o, event.Reporter{}); err != nil {
							return err
						}
					}
					return nil
				})
			}
		}
		for n := range slices.Max(sizes) {
			res, err := b.Build(s.Context(), smallName(n), image.Options{}, event.Reporter{})
			require.NoError(s, err)
			s.Cleanup(func() {
				ctx := context.WithoutCancel(s.Context())
				_ = s.engine.ImageRemove(ctx, image.LatestRef(res.Name))
				_ = s.engine.ImageRemove(ctx, res.DigestRef)
			})
		}
		return []Growth{
			{Name: names[0], Per: "image", Sizes: sizes, At: built(image.Options{})},
			{Name: names[1], Per: "image", Sizes: sizes, At: built(image.Options{Force: true})},
		}
	}}
}

func smallName(n int) string { return fmt.Sprintf("bench-%02d", n) }

// smallImage declares an image of two layers.
func (s *site) smallImage(root string, n int) {
	dir := filepath.Join(root, "containers", smallName(n))
	require.NoError(s, os.MkdirAll(dir, 0o755))
	for name, text := range map[string]string{
		"image.yaml": "description: an image to measure builds with\nparent: base-debian\n",
		"Dockerfile": "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY file /usr/local/share/\nRUN touch /usr/local/share/done\n",
		"file":       fmt.Sprintf("bench %d\n", n),
	} {
		require.NoError(s, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
}

// copyCurves are databases for tests from one migrated template, one after the other.
func copyCurves() growth {
	names := []string{"test databases from a template"}
	return growth{names: names, prepare: func(s *site) []Growth {
		v := s.disposableServer()
		s.template(v)
		c := s.copies(v)
		each := func(size int, do func(context.Context, *pgx.Conn, string) error) func(context.Context) error {
			return func(ctx context.Context) error {
				for n := range size {
					if err := do(ctx, c, fmt.Sprintf("copy%d", n)); err != nil {
						return err
					}
				}
				return nil
			}
		}
		return []Growth{{Name: names[0], Per: "database", Sizes: []int{1, 10, 100}, At: func(size int) *Probe {
			return Timed("copies", each(size, drop), each(size, copyTemplate))
		}}}
	}}
}
