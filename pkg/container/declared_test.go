package container_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/container"
)

// TestEnsure_hash pins the hash of a declaration: whoever changes it has every database of every user made anew.
func TestEnsure_hash(t *testing.T) {
	t.Parallel()
	c, _ := ensure(t, newEngine(), service())
	assert.Equal(t, "1:5d97be45d5e19d5c71cbd8bcc8dfaada", c.Labels[container.LabelSpec])
}
