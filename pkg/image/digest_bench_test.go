package image_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/image"
)

// BenchmarkDigest is what every command does before it says that the images of the checkout are current.
func BenchmarkDigest(b *testing.B) {
	for b.Loop() {
		c, err := image.LoadCatalogue(filepath.Join("..", "..", "containers"))
		require.NoError(b, err)
		for _, name := range c.Names() {
			_, err := c.Digest(name, "bookworm")
			require.NoError(b, err)
		}
	}
}
