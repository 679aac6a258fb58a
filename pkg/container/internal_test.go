package container

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/engine"
)

func TestSplitRef(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"localhost/poststack/postgres:0123456789ab": "localhost/poststack/postgres 0123456789ab",
		"localhost/poststack/postgres":              "localhost/poststack/postgres latest",
		"registry.example:5000/postgres":            "registry.example:5000/postgres latest",
		"registry.example:5000/postgres:15":         "registry.example:5000/postgres 15",
		"debian":                                    "debian latest",
	} {
		name, tag := splitRef(engine.Ref(ref))
		assert.Equal(t, want, name+" "+tag)
	}
}
