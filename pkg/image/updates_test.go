package image_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/image"
)

func TestParseUpdates(t *testing.T) {
	t.Parallel()
	text := `image base-debian
image nginx
libssl3/oldstable-security,oldstable 3.0.17-1~deb12u3 amd64 [upgradable from: 3.0.16-1~deb12u1]
adduser/oldstable 3.134 all [upgradable from: 0.0.1]
`
	assert.Equal(t, map[string][]image.Update{
		"base-debian": {},
		"nginx": {
			{Package: "libssl3", Has: "3.0.16-1~deb12u1", Gets: "3.0.17-1~deb12u3", Security: true},
			{Package: "adduser", Has: "0.0.1", Gets: "3.134"},
		},
	}, image.ParseUpdates(text))
}
