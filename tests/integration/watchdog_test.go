package integration_test

import (
	"crypto/rand"
	"errors"
	"os"
	program "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// TestWatchdog_tests is case k23: neither deferred calls nor Cleanup run.
func TestWatchdog_tests(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		e := enginetest.Open(t, kind)
		for end, tc := range map[string]struct{ timeout, told string }{
			"exit": {"1m", "exit status 3"}, "deadline": {"3s", "panic: test timed out after 3s"},
		} {
			t.Run(end, func(t *testing.T) {
				volume := "poststack-k23-" + strings.ToLower(rand.Text()[:8])
				cmd := program.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout="+tc.timeout, "./testdata/k23")
				cmd.Env = append(os.Environ(), "K23_ENGINE="+string(kind), "K23_VOLUME="+volume, "K23_END="+end)
				out, err := cmd.CombinedOutput()
				require.Error(t, err)
				require.Contains(t, string(out), tc.told)
				assert.Eventually(t, func() bool {
					_, err := e.VolumeInspect(t.Context(), volume) // which stays as long as its container
					return errors.Is(err, engine.ErrNotFound)
				}, time.Minute, 50*time.Millisecond, "left behind")
			})
		}
	})
}
