package container_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// TestEnsure_hash pins the hash of a declaration: whoever changes it has every database of every user made anew.
func TestEnsure_hash(t *testing.T) {
	t.Parallel()
	c, _ := ensure(t, newEngine(), service())
	assert.Equal(t, "1:5d97be45d5e19d5c71cbd8bcc8dfaada", c.Labels[container.LabelSpec])

	more := service()
	more.Spec.Tmpfs = []engine.Tmpfs{{Path: "/tmp"}, {Path: "/run", UID: 1, GID: 2, Mode: 0o700, Bytes: 9}}
	more.Spec.Mounts = append(more.Spec.Mounts, engine.Mount{Bind: "/srv", Target: "/srv", ReadOnly: true})
	more.Spec.Ports = []engine.Port{{Container: 53, Protocol: engine.UDP, HostIP: "0.0.0.0", Host: 53}}
	more.Spec.Files = append(more.Spec.Files, engine.File{Path: "/key", Mode: 0o400, UID: 3, GID: 4})
	c, _ = ensure(t, newEngine(), more)
	assert.Equal(t, "1:241d6c46e85ac5e09d87b16177fa3585", c.Labels[container.LabelSpec])
}
