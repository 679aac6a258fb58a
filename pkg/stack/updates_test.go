package stack_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

func TestLookForUpdates(t *testing.T) {
	t.Parallel()
	const both = "base-debian postgres"
	const has = "libssl3/stable-security 3.0.17 amd64 [upgradable from: 3.0.16]\n"
	for name, c := range map[string]struct {
		apt   string
		built []string // without a cache
		says  string
	}{
		"none":        {"image base-debian\nimage postgres\n", nil, "Debian has none for the images that are built"},
		"of one":      {"image base-debian\nimage postgres\n" + has, []string{"postgres"}, "postgres: 1 update, 1 of sec"},
		"of the base": {"image base-debian\n" + has + "image postgres\n", strings.Fields(both), "base-debian: 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.engine.OnFile = func(_ engine.Ref, path string) []byte { return []byte("Package: " + path + "\n") }
			b.engine.OnExec = func(_ engine.Container, spec engine.ExecSpec) (engine.ExecResult, error) {
				assert.Contains(t, spec.Command[2], "apt list --upgradable")
				return engine.ExecResult{Stdout: c.apt}, nil
			}
			_, err := b.phase(t, (*stack.Stack).BuildBase)
			require.NoError(t, err)
			_, err = b.phase(t, (*stack.Stack).BuildPostgres)
			require.NoError(t, err)
			var uncached []string
			b.engine.OnBuild = func(spec engine.BuildSpec) error {
				if spec.NoCache {
					uncached = append(uncached, spec.Labels["org.poststack.image"])
				}
				return nil
			}
			j, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error {
				ctx = stack.WithBuild(ctx, stack.BuildOptions{Renew: true})
				for _, do := range []func(context.Context) error{s.LookForUpdates, s.BuildBase, s.BuildPostgres} {
					if err := do(ctx); err != nil {
						return err
					}
				}
				return nil
			})
			require.NoError(t, err)
			slices.Sort(uncached)
			assert.Equal(t, c.built, uncached)
			assert.Contains(t, strings.Join(j.texts(event.PhaseEnded), "\n"), c.says)
		})
	}
}
