package service

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSharedMemory_is_half_of_the_machines(t *testing.T) {
	t.Parallel()
	for info, want := range map[string]int64{
		"MemTotal:       24683000 kB\nMemFree: 1 kB\n": 47 * 256 << 20,
		"Other: 1 kB\nMemTotal: 2000000 kB\n":          3 * 256 << 20,
		"MemTotal: 300000 kB\n":                        256 << 20,
		"":                                             256 << 20,
	} {
		assert.Equal(t, want, halfOf(strings.NewReader(info)), info)
	}
	assert.GreaterOrEqual(t, halfOfMemory(), int64(256<<20))
}
