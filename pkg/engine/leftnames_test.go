package engine_test

import (
	"net/netip"
	"testing"

	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/engine"
)

func TestNetworkLost(t *testing.T) {
	t.Parallel()
	type networks = map[string]*network.EndpointSettings
	here := &network.EndpointSettings{IPAddress: netip.MustParseAddr("10.89.0.2")}
	six := &network.EndpointSettings{GlobalIPv6Address: netip.MustParseAddr("fd00::2")}
	nowhere := &network.EndpointSettings{}
	assert.True(t, engine.NetworkLost("running", networks{"stack": nowhere}))
	assert.False(t, engine.NetworkLost("exited", networks{"stack": nowhere}), "it has none then")
	assert.False(t, engine.NetworkLost("running", networks{"stack": here}))
	assert.False(t, engine.NetworkLost("running", networks{"stack": six}))
	assert.False(t, engine.NetworkLost("running", networks{"stack": nowhere, "other": here}))
	assert.False(t, engine.NetworkLost("running", networks{"host": nowhere}))
	assert.False(t, engine.NetworkLost("running", nil), "it shares another one's")
}
