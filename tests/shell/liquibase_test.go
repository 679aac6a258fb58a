package shell_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
)

// liquibase runs the image's entrypoint with exec replaced by a function that prints, one argument a line, what
// would be executed, and then what the file descriptors that it hands over hold.
func liquibase(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	const script = `set -Eeuo pipefail
source ../../containers/liquibase/entrypoint.sh
exec() { [[ $# -eq 0 ]] || { printf '%s\n' "$@"
  for a in "$@"; do [[ $a != --defaults-file=* ]] || cat "${a#*=}"; done; }; }
main "$@"`
	command := []string{"-i", "PATH=/usr/bin:/bin"}
	for name, value := range env {
		command = append(command, name+"="+value)
	}
	command = append(command, "bash", "-c", script, "entrypoint.sh")
	res, err := runner.Exec{}.Run(t.Context(), runner.Command{Program: "env", Args: append(command, args...)})
	if err != nil {
		var failed *runner.ExitError
		require.ErrorAs(t, err, &failed)
	}
	return result{code: res.Code, stdout: res.Stdout, stderr: res.Stderr}
}

// settings are what every command needs, changed by the pairs.
func settings(pairs ...string) map[string]string {
	env := map[string]string{
		"LIQUIBASE_COMMAND_URL": "jdbc:postgresql://db:5432/mail?sslmode=disable", "LIQUIBASE_COMMAND_USERNAME": "app",
	}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return env
}

func TestLiquibaseRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env   map[string]string
		words string
	}{
		"a password in the environment": {
			settings("LIQUIBASE_COMMAND_PASSWORD", "pw-hidden"),
			"LIQUIBASE_COMMAND_PASSWORD is set; put the password into the file",
		},
		"the client's password": {settings("PGPASSWORD", "pw-hidden"), "PGPASSWORD is set"},
		"no URL":                {settings("LIQUIBASE_COMMAND_URL", ""), "LIQUIBASE_COMMAND_URL is not set"},
		"another kind of URL": {
			settings("LIQUIBASE_COMMAND_URL", "postgres://db/mail"), "does not begin with jdbc:postgresql:",
		},
		"a user in the URL": {
			settings("LIQUIBASE_COMMAND_URL", "jdbc:postgresql://app:pw-hidden@db/mail"), "holds a user",
		},
		"a password parameter": {
			settings("LIQUIBASE_COMMAND_URL", "jdbc:postgresql://db/mail?a=b&password=pw-hidden"), "holds password",
		},
		"no user": {
			settings("LIQUIBASE_COMMAND_USERNAME", ""), "LIQUIBASE_COMMAND_USERNAME is not set",
		},
		"a password file that is missing": {settings("PGPASSFILE", "/nowhere/pgpass"), "/nowhere/pgpass is not a file"},
		"a password file that is none":    {settings("PGPASSFILE", "/"), "/ is not a file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, command := range []string{"update", "history"} {
				r := liquibase(t, tc.env, command)
				assert.Equal(t, 64, r.code)
				assert.Contains(t, r.stderr, tc.words)
				assert.NotContains(t, r.stdout+r.stderr, "pw-hidden")
			}
		})
	}
}

func TestLiquibaseStartsJava(t *testing.T) {
	t.Parallel()
	const java = "env\n-i\nLC_ALL=C.UTF-8\n/opt/liquibase/java/bin/java\n@/opt/liquibase/java.args\n" +
		"-Dorg.postgresql.pgpassfile=/liquibase/pgpass\norg.poststack.liquibase.Launcher\n"
	r := liquibase(t, settings("SECRET", "pw-hidden", "LIQUIBASE_COMMAND_CONTEXTS", "a b, c"), "rollback-count",
		"--count=2")
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, java+`rollback-count
--count=2
--url=jdbc:postgresql://db:5432/mail?sslmode=disable
--username=app
--search-path=/liquibase/changelog
--changelog-file=db.changelog-root.yaml
--contexts=a b, c
--label-filter=
`, r.stdout)
	assert.True(t, strings.HasPrefix(liquibase(t, settings()).stdout, java+"status\n"), "status without arguments")
	assert.Equal(t, java+"--version\n", liquibase(t, nil, "--version").stdout)
}

func TestLiquibaseOwnCommandLine(t *testing.T) {
	t.Parallel()
	r := liquibase(t, settings("LIQUIBASE_COMMAND_LABEL_FILTER", "x"), "history", "--format=text")
	require.Zero(t, r.code, r.stderr)
	assert.Regexp(t, `Launcher\n--defaults-file=/dev/fd/\d+\nhistory\n--format=text\n`, r.stdout)
	assert.Contains(t, r.stdout,
		"\nurl=jdbc:postgresql://db:5432/mail?sslmode=disable\nusername=app\nchangelogFile=db.changelog-root.yaml\n")
	assert.Contains(t, r.stdout, "liquibase.command.labelFilter=x\n")
}

func TestLiquibaseRunsOtherPrograms(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "psql\n-c\nselect 1\n", liquibase(t, nil, "psql", "-c", "select 1").stdout)
	assert.Equal(t, "/bin/true\n", liquibase(t, nil, "/bin/true").stdout)
}
