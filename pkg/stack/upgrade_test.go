package stack_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

// upgrade is the phase with those options.
func upgrade(o stack.UpgradeOptions) func(*stack.Stack, context.Context) error {
	return func(s *stack.Stack, ctx context.Context) error { return s.Upgrade(ctx, o) }
}

// ofMajor has a database of one major version serve, and the image of another one built.
func ofMajor(t *testing.T, has, wants string) *bench {
	t.Helper()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	c, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	require.NoError(t, b.engine.ContainerCopyTo(t.Context(), c.ID, []engine.File{
		{Path: "/var/lib/postgresql/data/PG_VERSION", Content: []byte(has + "\n")},
	}))
	b.engine.OnFile = func(_ engine.Ref, path string) []byte {
		if path != "/var/lib/dpkg/status" {
			return nil
		}
		return []byte("Package: postgresql-" + wants + "\nStatus: install ok installed\n\n")
	}
	return b
}

func TestUpgrade_refuses(t *testing.T) {
	t.Parallel()
	back, drop := stack.UpgradeOptions{Back: true, Yes: true}, stack.UpgradeOptions{DropOld: true}
	for name, c := range map[string]struct {
		has, wants, kept string
		o                stack.UpgradeOptions
		says             string
	}{
		"two ways at once":          {"15", "17", "", stack.UpgradeOptions{Back: true, DropOld: true}, "give one of them"},
		"nothing to go back to":     {"17", "17", "", back, "no upgrade has left a volume"},
		"nothing to remove":         {"17", "17", "", drop, "no upgrade has left a volume"},
		"nobody to ask":             {"17", "15", "old-1", stack.UpgradeOptions{Back: true}, "there is no terminal"},
		"back with the newer image": {"17", "17", "old-1", back, "set POSTSTACK_DEBIAN_SUITE"},
		"an older version":          {"17", "15", "", stack.UpgradeOptions{}, "no version reads a dump of a newer one"},
		"no image that can read it": {"15", "17", "", stack.UpgradeOptions{}, "no image with PostgreSQL 15 is left"},
		"one after the other":       {"15", "17", "old-1", stack.UpgradeOptions{}, "mage db:upgrade -dropOld"},
		"back to what is in use":    {"15", "15", "data", back, "no upgrade has left a volume"},
		"back to what has gone":     {"17", "15", "gone-1", back, "no upgrade has left a volume"},
		"removing what is in use":   {"15", "15", "data", drop, "no upgrade has left a volume"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := ofMajor(t, c.has, c.wants)
			if c.kept != "" {
				path := filepath.Join(b.config.StateDir, "former."+string(b.engine.Info().Kind))
				require.NoError(t, os.WriteFile(path, []byte(`{"volume": "`+c.kept+`", "major": "15"}`), 0o600))
				require.NoError(t, b.engine.VolumeCreate(t.Context(), "poststack-s-old-1", nil))
			}
			before, err := b.engine.ContainerInspect(t.Context(), containerName)
			require.NoError(t, err)
			_, err = b.phase(t, upgrade(c.o))
			require.ErrorContains(t, err, c.says)
			assert.Equal(t, 2, stack.ExitStatus(err))
			after, err := b.engine.ContainerInspect(t.Context(), containerName)
			require.NoError(t, err)
			assert.Equal(t, before, after, "it serves on")
		})
	}
}

func TestUpgrade_of_others(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	_, err := b.phase(t, upgrade(stack.UpgradeOptions{}))
	require.ErrorContains(t, err, "this stack has no database yet")
	b.config.Database.URL = "postgres://app:s3cr3t@db.example/mail"
	_, err = b.phase(t, upgrade(stack.UpgradeOptions{}))
	require.ErrorContains(t, err, "only Poststack's own database is upgraded")
	assert.Equal(t, 2, stack.ExitStatus(err))
}

func TestUpgrade_of_the_same_version(t *testing.T) {
	t.Parallel()
	b := ofMajor(t, "15", "15")
	j, err := b.phase(t, upgrade(stack.UpgradeOptions{}))
	require.NoError(t, err)
	assert.Equal(t, event.Unchanged, j.last(t, event.PhaseEnded).Outcome)
}

func TestEnough(t *testing.T) {
	t.Parallel()
	const gb = 1 << 30
	require.NoError(t, stack.Enough(10<<20, 20<<20))
	require.NoError(t, stack.Enough(40*gb, 41*gb))
	require.ErrorContains(t, stack.Enough(10<<20, 20<<20-1), "make room")
	require.ErrorContains(t, stack.Enough(40*gb, 41*gb-1), "44.02GB")
}
