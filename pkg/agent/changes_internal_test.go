package agent

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/agent/render"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	first := changes(nil).and([]render.Change{
		{How: render.Added, Path: "a"}, {How: render.Removed, Path: "b"}, {How: render.Changed, Path: "c"},
	})
	both := first.and([]render.Change{
		{How: render.Changed, Path: "a"}, {How: render.Added, Path: "b"}, {How: render.Removed, Path: "c"},
	})
	assert.Equal(t, "added a\nremoved b\nchanged c\n", first.String(), "it stays as it was")
	assert.Equal(t, "added a\nchanged b\nremoved c\n", both.String())
}
