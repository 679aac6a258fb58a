package checkout

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

// SlowImage is an image of a scratch checkout only, whose build can be made to last.
const SlowImage = "e2e-slow"

// Marker is an argument for sleep that only processes of this checkout's slow build have.
func (c *Checkout) Marker() string {
	return "300.0" + strings.Map(func(r rune) rune { // a path of a test is unique, and so are its digits
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, c.Dir)
}

// SlowBuild declares the slow image with command as its only step.
func (c *Checkout) SlowBuild(t *testing.T, command string) {
	t.Helper()
	dir := filepath.Join(c.Dir, "containers", SlowImage)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, text := range map[string]string{
		"image.yaml": "description: An image whose build can be made to last\nparent: base-debian\n",
		"Dockerfile": "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN " + command + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
}

// RemoveSlow removes the slow image with all of its tags.
func RemoveSlow(t *testing.T, e *engine.Engine) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	image, err := e.ImageInspect(ctx, engine.Ref("localhost/poststack/"+SlowImage+":latest"))
	require.NoError(t, err)
	for _, tag := range image.Tags {
		assert.NoError(t, e.ImageRemove(ctx, tag))
	}
}
