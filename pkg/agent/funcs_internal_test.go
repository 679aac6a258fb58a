package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNameserver(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		// As podman writes it: the second one is the machine's own, and knows nobody of the network.
		"search dns.podman\nnameserver 10.89.2.1\nnameserver 192.0.2.53\n": "10.89.2.1",
		"nameserver fd00::1\nnameserver 10.89.2.1\n":                       "[fd00::1]",
		"# nameserver 192.0.2.1\nnameserver\nnameserver none\n":            "",
	} {
		path := filepath.Join(t.TempDir(), "resolv.conf")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		assert.Equal(t, want, nameserver(path), text)
	}
	assert.Empty(t, nameserver(filepath.Join(t.TempDir(), "none")))
}

func TestKnown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key     string
		service any
		known   bool
		says    string
	}{
		{"protect", "apache", true, ""},
		{"protect", nil, true, ""},
		{"protected", nil, false, ""},
		{"protected", "apache", false, "apache has no setting of that name; known are protect, members"},
	} {
		got, err := known(map[string]any{"key": tc.key, "service": tc.service}, "protect", "members")
		assert.Equal(t, tc.known, got, tc.key)
		if tc.says == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, tc.says)
		}
	}
}
