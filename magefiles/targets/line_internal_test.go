package targets

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/stack"
)

func TestRefuseLine(t *testing.T) {
	t.Parallel()
	for _, line := range [][]string{
		{},
		{"setup"},
		{"-v", "-t", "5m", "setup"},
		{"SETUP", "db:Backup", "-KEEP=7", "-verify", "status"},
		{"reset", "-yes", "setup"},
		{"reset", "-yes=false"},
		{"account:add", "ada@example.org", "-generate"},
		{"account:add", "-generate", "-generate"}, // mage takes what stands there for the address
		{"services:start", "-of=nginx", "services:status"},
		{"-test.run=TestX", "setup", "-forse"}, // the options are not mage's
	} {
		require.NoError(t, refuseLine(line, true), line)
	}
	for want, line := range map[string][]string{
		"target setup has no option -forse; its help is mage -h setup; nothing was done": {"setup", "-forse"},
		"target db:backup has no option -kep=7":                                          {"db:backup", "-verify", "-kep=7"},
		"target db:backup: option -keep is written with its value, -keep=…":              {"db:backup", "-keep"},
		`target db:backup: option -keep: "x" is no number`:                               {"status", "db:backup", "-keep=x"},
		`target reset: option -yes: "maybe" is no true or false`:                         {"reset", "-yes=maybe"},
		`there is no target "statu"; mage -l lists them`:                                 {"setup", "statu"},
		"target account:add lacks an argument, it takes 1":                               {"setup", "account:add"},
		`there is no target "test:unit"`:                                                 {"setup", "test:unit"},
	} {
		err := refuseLine(line, true)
		var usage *stack.UsageError
		require.ErrorAs(t, err, &usage, want)
		assert.ErrorContains(t, err, want)
	}
	require.NoError(t, refuseLine([]string{"engine:install", "setup", "test"}, false), "mage has more targets")
}
