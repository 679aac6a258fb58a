package testdata

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func waits(t *testing.T, is func() bool) {
	assert.Eventually(t, is, time.Minute, time.Millisecond)
	require.Eventually(t, is, 5*time.Second, time.Millisecond)
	assert.Eventually(t, func() bool {
		return is()
	}, 30*time.Second, time.Millisecond, "and a word")
	<-time.After(20 * time.Millisecond)
	<-time.After(20 * time.Second)
}
