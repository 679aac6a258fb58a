package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestBench measures the rows that take seconds, without any peer. The checkout's stack is not even set up.
func TestBench(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		r := c.Mage(t, []string{enginetest.EnvEngines + "=" + string(kind)}, "bench", "-rows=^size", "-rounds=1")
		require.Zero(t, r.Code)
		assert.Regexp(t, `size of postgres +│ `+string(kind)+` +│ [0-9]+ / [0-9]+ / [0-9]+ MB`, r.Stdout)
		text, err := os.ReadFile(filepath.Join(c.Dir, "logs", "bench.json"))
		require.NoError(t, err)
		var result struct {
			Rows []struct {
				Name, Failed string
				Ours         struct{ Median float64 }
			}
			Contents []struct {
				Image string
				Bytes int64
				Parts []struct{ Bytes int64 }
			}
		}
		require.NoError(t, json.Unmarshal(text, &result))
		require.Len(t, result.Rows, 8)
		for _, row := range result.Rows {
			assert.Greater(t, row.Ours.Median, 5.0, row.Name)
			assert.Empty(t, row.Failed)
		}
		require.Len(t, result.Contents, 3)
		for _, content := range result.Contents {
			var sum int64
			for _, part := range content.Parts {
				sum += part.Bytes
			}
			assert.Equal(t, content.Bytes, sum, "%s: every byte has its place", content.Image)
		}
		assert.FileExists(t, filepath.Join(c.Dir, "logs", "bench.svg"))
	})
}
