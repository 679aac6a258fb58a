package stack_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

func TestPhaseError_that_announces_lines(t *testing.T) {
	t.Parallel()
	err := &stack.PhaseError{
		Phase: "build:base", Err: errors.New("no Debian to build on:\n  registry: no answer\n  bootstrap: no mmdebstrap"),
	}
	assert.Equal(t, "build:base: no Debian to build on: registry: no answer; bootstrap: no mmdebstrap",
		err.Error(), "one line, not cut at its colon")
}

func TestStartDatabase_beside_one_on_the_other_engine(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	require.NoError(t, os.MkdirAll(b.config.StateDir, 0o700))
	for _, kind := range []string{"docker", "podman"} {
		if kind != string(b.engine.Info().Kind) {
			require.NoError(t, os.WriteFile(filepath.Join(b.config.StateDir, "port."+kind), []byte("5432"), 0o600))
		}
	}
	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Contains(t, j.last(t, event.Notice).Text, "POSTSTACK_ENGINE=")
}

func TestDown_with_another_database(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.config.Database.URL = "postgres://u:p@db.example/d"
	j, err := b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	assert.Contains(t, j.last(t, event.Notice).Text, "not touched")
}
