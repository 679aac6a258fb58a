package e2e_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/tests/checkout"
)

// TestPortRanges looks at the ports that services declare: wherever two checkouts look for free ones, they do not
// meet, and stay below those that connections get.
func TestPortRanges(t *testing.T) {
	t.Parallel()
	images, err := image.LoadCatalogue(filepath.Join("..", "..", "containers"))
	require.NoError(t, err)
	const (
		passed    = 20    // so many are taken by others at most
		ephemeral = 32768 // Source: ip(7), ip_local_port_range
	)
	of := map[int]string{}
	for _, name := range images.Names() {
		d, err := images.Get(name)
		require.NoError(t, err)
		if d.Service == nil {
			continue
		}
		for _, p := range d.Service.Ports {
			if p.Host != 0 {
				of[int(p.Host)] = name
			}
		}
	}
	require.NotEmpty(t, of)
	for one, name := range of {
		assert.Less(t, one+checkout.PortRange*(checkout.PortRanges-1)+passed, ephemeral, name)
		for other := range of {
			for i := 1; i < checkout.PortRanges; i++ {
				assert.Greater(t, max(one+i*checkout.PortRange-other, other-one-i*checkout.PortRange), passed,
					"%s at %d, and %s at %d", name, one, of[other], other)
			}
		}
	}
}
