package stack_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/stack"
)

func nothing(*testing.T, *bench) {}

func started(t *testing.T, b *bench) {
	t.Helper()
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
}

// withoutContainer leaves a volume, whose database may hold the lock of a Liquibase that died: a standby that is
// connected would be taken for its holder.
func withoutContainer(t *testing.T, b *bench) {
	t.Helper()
	started(t, b)
	c, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	require.NoError(t, b.engine.ContainerRemove(t.Context(), c.ID))
}

// TestStartDatabase_standby looks at what stands by while a database is made, before and after the run ends.
func TestStartDatabase_standby(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		asked  string
		images []string
		before func(t *testing.T, b *bench)
		want   int
	}{
		"a set-up of a new database":       {"setup", []string{"postgres", "liquibase"}, nothing, 1},
		"an update of a new database":      {"schema:update", []string{"postgres", "liquibase"}, nothing, 1},
		"nothing will be migrated":         {"db:start", []string{"postgres", "liquibase"}, nothing, 0},
		"Liquibase's image is being built": {"setup", []string{"postgres"}, nothing, 0},
		"the database is there":            {"setup", []string{"postgres", "liquibase"}, started, 0},
		"only its container has gone":      {"setup", []string{"postgres", "liquibase"}, withoutContainer, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t).built(t, tc.images...)
			require.NoError(t, os.Mkdir(filepath.Join(b.config.Root, "changelogs"), 0o755))
			write(t, filepath.Join(b.config.Root, b.config.Schema.Changelog), "databaseChangeLog: []\n")
			serve(t, b.engine)
			tc.before(t, b)
			b.asked = tc.asked
			s, ctx, _ := b.open(t)
			require.NoError(t, s.StartDatabase(ctx))
			stack.AwaitStandby(s)
			role := map[string]string{container.LabelRole: "liquibase"}
			found, err := b.engine.ContainerList(t.Context(), role)
			require.NoError(t, err)
			require.Len(t, found, tc.want)
			for _, c := range found {
				assert.Equal(t, "true", c.Labels[container.LabelDisposable], "the watchdog knows it")
				spec, _ := b.engine.Spec(c.Name)
				assert.Equal(t, containerName, spec.NetworkOf)
			}
			require.NoError(t, s.Close(nil))
			found, err = b.engine.ContainerList(t.Context(), role)
			require.NoError(t, err)
			assert.Empty(t, found, "what was not used goes with the run")
		})
	}
}
