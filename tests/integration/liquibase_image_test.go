package integration_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func TestLiquibaseImage(t *testing.T) {
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c, err := container.StartDisposable(t.Context(), enginetest.Open(t, kind), container.DisposableSpec{
				Image: liquibaseImage, Command: []string{"sh", "-c", "sleep 600 & wait"},
				Env: map[string]string{"SECRET": "pw-hidden"},
			})
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, c.Close()) })
			run := func(script string) string {
				t.Helper()
				result, err := c.Exec("sh", "-c", script)
				require.NoError(t, err)
				require.Zero(t, result.Code, "%s: %s%s", script, result.Stdout, result.Stderr)
				return strings.TrimSpace(result.Stdout)
			}
			assert.Equal(t, "9998:9998", run("echo $(id -u):$(id -g)"))
			assert.Contains(t, run("psql --version"), "psql (PostgreSQL)")
			assert.Contains(t, run("entrypoint.sh --version 2>/dev/null"), "Liquibase Version: 4.28.0")
			assert.Equal(t, "13", run("ls /opt/liquibase/lib/*.jar | wc -l"), "twelve jars and the launcher")
			assert.Empty(t, run("find /opt/liquibase /usr/local/bin/entrypoint.sh -writable"),
				"its user can change what it runs")
			// Fails unless the archive of classes was made of exactly these jars.
			run("/opt/liquibase/java/bin/java @/opt/liquibase/java.args -Xshare:on -version")
			// A command of Liquibase's own, without a server: it must not have seen the environment.
			said := run("LIQUIBASE_COMMAND_URL=jdbc:postgresql://127.0.0.1:1/x LIQUIBASE_COMMAND_USERNAME=x entrypoint.sh " +
				"validate 2>&1 || true")
			assert.Contains(t, said, "refused")
			assert.NotContains(t, said, "pw-hidden")
		})
	}
}
