package logging

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/secret"
)

// OnFullDisk is a log that nothing can be written to.
func OnFullDisk(t *testing.T) *File {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	return &File{path: "logs/full.log", file: full, lines: secret.NewWriter(full, nil)}
}
