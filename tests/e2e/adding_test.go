package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestAddingAService does what docs/adding-a-service.md says, with the files as they stand there.
func TestAddingAService(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "adding-a-service.md"))
	require.NoError(t, err)
	files := regexp.MustCompile("(?ms)^`(containers/redis/[a-zA-Z.]+)`.*?^```[a-z]+\n(.*?)^```").FindAllStringSubmatch(
		string(text), -1,
	)
	require.Len(t, files, 4)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		for _, file := range files {
			path := filepath.Join(c.Dir, file[1])
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			mode := os.FileMode(0o644)
			if strings.HasSuffix(path, ".sh") {
				mode = 0o755
			}
			require.NoError(t, os.WriteFile(path, []byte(file[2]), mode))
		}
		assert.Contains(t, string(text), "chmod +x containers/redis/*.sh")
		assert.Contains(t, string(text), "`services/secret.redis.password`")
		c.OK(t, "build:all")
		c.OK(t, "verify:runtime", "-of=redis")
		require.NoError(t, os.WriteFile(filepath.Join(c.Dir, "poststack.yaml"),
			[]byte("services: { redis: { listen: 0.0.0.0, ports: { 6379: 16379 } } }\n"), 0o600))
		c.OK(t, "setup")
		assert.Contains(t, c.OK(t, "status").Stdout, "0.0.0.0:16379")
		assert.Contains(t, c.OK(t, "logs", "-of=redis").Stdout, "Ready to accept connections")
		c.OK(t, "services:restart", "-of=redis", "services:start", "-of=redis", "services:stop", "down")
		password, err := os.ReadFile(filepath.Join(c.State, c.Stack(t), "services", "secret.redis.password"))
		require.NoError(t, err)
		assert.NotEmpty(t, password)
	})
}
