package hosting_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/secret"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	ada := hosting.Address{Local: "ada.lovelace", Domain: "example.org"}
	for _, password := range []string{"eight-88", "pässwörter", strings.Repeat("x", 72)} {
		assert.NoError(t, hosting.CheckPassword(ada, secret.Value(password)))
	}
	for password, why := range map[string]string{
		"": "is empty", "short": "has 5 characters", strings.Repeat("x", 73): "at most 72 count",
		strings.Repeat("ü", 37): "has 74 bytes",
		"tab\tin the way":       "nobody can type", "Ada.Lovelace": "the address itself",
		"ADA.lovelace@example.org": "the address itself", "\xff1234567": "not UTF-8",
	} {
		err := hosting.CheckPassword(ada, secret.Value(password))
		require.ErrorContains(t, err, why)
		if password != "" {
			assert.NotContains(t, err.Error(), password)
		}
	}
}

func TestGeneratePassword(t *testing.T) {
	t.Parallel()
	one, two := hosting.GeneratePassword().Reveal(), hosting.GeneratePassword().Reveal()
	assert.Regexp(t, `^([a-z2-7]{5}-){3}[a-z2-7]{5}$`, one)
	assert.NotEqual(t, one, two)
}
