package hosting

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOwnerOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		zone        Domain
		typed, want string
	}{
		{"example.org", "WWW", "www"},
		{"example.org", "www.example.org.", "www"},
		{"example.org", "@", "@"},
		{"example.org", "Example.org.", "@"},
		{"example.org", "bücher", "xn--bcher-kva"},
		{"example.org", "*.Bücher.example.org.", "*.xn--bcher-kva"},
		{"example.org", "a b", "a b"},
		{"2.0.192.in-addr.arpa", "192.0.2.1", "1"},
		{"8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"},
		{"2.0.192.in-addr.arpa", "0/25", "0/25"},
	} {
		assert.Equal(t, tc.want, ownerOf(tc.zone, tc.typed), tc.typed)
	}
}
