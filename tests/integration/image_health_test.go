package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
)

// testHealthcheck is k19: podman's own format drops HEALTHCHECK with a warning, and what it has cached that way must
// not come back. The detour is somebody's `podman build` by hand.
func (w *workshop) testHealthcheck(t *testing.T) {
	file := filepath.Join(w.dir, w.app, "Dockerfile")
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	defer w.write(t, w.app+"/Dockerfile", string(before))
	w.write(t, w.app+"/Dockerfile",
		"ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nHEALTHCHECK --interval=7s CMD [\"cat\", \"/hello\"]\nCOPY entrypoint.sh /\n")
	base, app := w.build(t)
	for range 2 {
		assert.Equal(t, []string{"CMD", "cat", "/hello"}, healthcheck(t, w.engine, app.Ref))
		log, err := os.ReadFile(app.Log)
		require.NoError(t, err)
		assert.NotContains(t, string(log), "not supported for OCI")

		if w.engine.Info().Kind == engine.Podman {
			require.Eventually(t, func() bool { // podman's own build fails where other tests remove images meanwhile
				_, err = runner.Exec{}.Run(t.Context(), runner.Command{Program: "podman", Args: []string{
					"build", "--quiet", "--pull=never", "--build-arg", "BASE_IMAGE=" + string(base.Ref), "--tag", string(app.Ref),
					filepath.Dir(file),
				}})
				return err == nil || !strings.Contains(err.Error(), "layer not known")
			}, time.Minute, time.Millisecond)
			require.NoError(t, err)
			assert.Empty(t, healthcheck(t, w.engine, app.Ref), "the detour leads somewhere")
		}
		app, err = w.Build(t.Context(), w.app, image.Options{Force: true}, event.Reporter{})
		require.NoError(t, err)
	}
}

// healthcheck is the test of an image's HEALTHCHECK. Podman is asked by its command line: its Docker API leaves it out.
func healthcheck(t *testing.T, e *engine.Engine, ref engine.Ref) []string {
	t.Helper()
	field := "{{json .Config.Healthcheck}}"
	if e.Info().Kind == engine.Podman {
		field = "{{json .HealthCheck}}"
	}
	res, err := runner.Exec{}.Run(t.Context(), runner.Command{
		Program: string(e.Info().Kind), Args: []string{"image", "inspect", "--format", field, string(ref)},
	})
	require.NoError(t, err)
	var check struct{ Test []string }
	require.NoError(t, json.Unmarshal([]byte(res.Stdout), &check))
	return check.Test
}
