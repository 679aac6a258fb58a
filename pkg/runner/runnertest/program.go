// Package runnertest is for tests that run programs.
package runnertest

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// WriteFile writes a file that will be run. A process that another test forks meanwhile would hold the file open for
// writing until its own program has started, and the kernel refuses to run such a file ("text file busy"), see
// https://go.dev/issue/22315. So nothing is forked while it is written.
func WriteFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte(text), mode)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
}
