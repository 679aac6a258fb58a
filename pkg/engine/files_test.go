package engine_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func TestFilesFor(t *testing.T) {
	t.Parallel()
	var asked uint64
	allowed := func(n uint64) error { asked = n; return nil }
	refused := func(uint64) error { return errors.New("operation not permitted") }
	require.NoError(t, engine.FilesFor(256, refused))
	require.NoError(t, engine.FilesFor(35, allowed), "who may raise it does")
	assert.EqualValues(t, 256, asked)
	require.EqualError(t, engine.FilesFor(35, refused), "start podman's service: it may open 35 files, and needs 256: "+
		"with fewer it forgets the networks of containers that run")
}
