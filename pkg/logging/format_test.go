package logging_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/secret"
)

func TestLogs_MaskSecretsEverywhere(t *testing.T) {
	t.Parallel()
	const password = `hunter "2" & more`
	secrets := &secret.Set{}
	var console bytes.Buffer
	logs, root := open(t, logging.Options{Console: &console, Secrets: secrets, Args: []string{"-password", password}})
	secrets.Add(password) // known only after Open

	logs.Logger().WithFields(logrus.Fields{
		"value": password, "key " + password: 1, "raw": []byte(password), "struct": struct{ P string }{password},
		"typed": secret.Value("typed-secret"), "phase": password,
	}).WithError(fmt.Errorf("dial: %w", fmt.Errorf("login with %q", password))).Error("password is " + password)
	build, err := logs.Container("postgres_build")
	require.NoError(t, err)
	_, err = io.WriteString(build, "ENV PASSWORD="+password[:7])
	require.NoError(t, err)
	_, err = io.WriteString(build, password[7:])
	require.NoError(t, err)
	require.NoError(t, logs.Close())

	for name, text := range map[string]string{
		"console": console.String(), "run": content(t, root, logs.Path()), "operation": content(t, root, build.Path()),
	} {
		assert.NotContains(t, text, "hunter", name)
		assert.NotContains(t, text, "typed-secret", name)
		assert.Contains(t, text, secret.Mask, name)
	}
	assert.Equal(t, "ENV PASSWORD=[redacted]", content(t, root, build.Path()))
}

func TestColour(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		terminal bool
		env      map[string]string
		want     bool
	}{
		{"a terminal has colours", true, map[string]string{"TERM": "xterm"}, true},
		{"a pipe has none", false, map[string]string{"TERM": "xterm"}, false},
		{"NO_COLOR forbids them", true, map[string]string{"NO_COLOR": "1"}, false},
		{"whatever its value", true, map[string]string{"NO_COLOR": "0"}, false},
		{"unless it is empty", true, map[string]string{"NO_COLOR": ""}, true},
		{"CLICOLOR_FORCE demands them", false, map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{"also on a dumb terminal", true, map[string]string{"CLICOLOR_FORCE": "1", "TERM": "dumb"}, true},
		{"unless it is 0", false, map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{"NO_COLOR wins", true, map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
		{"a dumb terminal has none", true, map[string]string{"TERM": "dumb"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, logging.Colour(tc.terminal, func(name string) string { return tc.env[name] }))
		})
	}
}
