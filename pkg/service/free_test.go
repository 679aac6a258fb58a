package service_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/service"
)

// TestFree looks at a port that somebody listens on: who looks at one, too, only does so for a moment.
func TestFree(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := engine.Port{HostIP: "127.0.0.1", Host: netip.MustParseAddrPort(l.Addr().String()).Port()}
	fake := enginetest.NewFake()
	free, err := service.Free(t.Context(), fake, port)
	require.NoError(t, err)
	assert.False(t, free, "one that is listened on")

	time.AfterFunc(5*time.Millisecond, func() { _ = l.Close() })
	free, err = service.Free(t.Context(), fake, port)
	require.NoError(t, err)
	assert.True(t, free, "one that another run has just looked at")
}
