package targets

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestListed(t *testing.T) {
	t.Parallel()
	for function, want := range map[string]string{
		"github.com/poststack/poststack/magefiles/targets.Setup":           "setup",
		"github.com/poststack/poststack/magefiles/targets.DB.Url":          "db:url",
		"github.com/poststack/poststack/magefiles/targets.Verify.DB":       "verify:db",
		"github.com/poststack/poststack/magefiles/targets.Build.Base":      "build:base",
		"github.com/poststack/poststack/magefiles/targets.Hooks.PreCommit": "hooks:preCommit",
	} {
		assert.Equal(t, want, listed(function))
	}
}
