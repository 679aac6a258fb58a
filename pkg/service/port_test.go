package service_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/service"
)

func TestNextPort_leaves_out_what_is_promised(t *testing.T) {
	t.Parallel()
	from := engine.Port{HostIP: service.Loopback, Host: 18900}
	first, err := service.NextPort(t.Context(), enginetest.NewFake(), nil, from)
	require.NoError(t, err)
	next, err := service.NextPort(t.Context(), enginetest.NewFake(), []uint16{first, first + 1}, from)
	require.NoError(t, err)
	assert.Greater(t, next, first+1)
}
