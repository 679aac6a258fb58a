// Package e2e_test runs the targets as a user does, in scratch copies of the checkout, on real engines.
package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// tables are those of the schema, sorted.
var tables = []string{ //nolint:gochecknoglobals // a table
	"accounts", "aliases", "certificates", "dns_records", "dns_serials",
	"dns_zones", "domains", "former_mailboxes", "services", "settings",
}

// connect opens the database at url for the rest of the test.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// tablesOf lists the tables of the database, without Liquibase's own.
func tablesOf(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `select tablename::text from pg_tables where schemaname = 'public'
		and tablename not like 'databasechangelog%' order by 1`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

// outcome is how a phase ended, from the plain lines of a run; "" if it did not run.
func outcome(r checkout.Result, phase string) string {
	m := regexp.MustCompile(`(?m)^\w+\s+` + regexp.QuoteMeta(phase) +
		`\s+(done|unchanged|passed|failed|cancelled) in `).FindStringSubmatch(r.Stderr)
	if m == nil {
		return ""
	}
	return m[1]
}

// TestSetup follows a user from nothing to a migrated database and back, on each engine.
func TestSetup(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		name := c.Stack(t)
		lookAlikes := makeLookAlikes(t, kind, name)

		first := c.OK(t, "setup")
		assert.Contains(t, first.Stdout, "connect with: mage psql")
		assert.Equal(t, "done", outcome(first, "db:start"))
		assert.Equal(t, "passed", outcome(first, "verify:db"))
		assert.Equal(t, "done", outcome(first, "schema:update"))
		assert.NotContains(t, first.Stderr, "\x1b", "no escape sequences in a pipe")
		url := c.URL(t)
		conn := connect(t, url)
		assert.Equal(t, tables, tablesOf(t, conn))
		_, err := conn.Exec(t.Context(), `insert into domains (name) values ('example.org')`)
		require.NoError(t, err)

		t.Run("a second setup does nothing and says so", func(t *testing.T) {
			before := containerID(t, kind, name)
			again := c.OK(t, "setup")
			for _, phase := range []string{"build:base", "build:postgres", "build:liquibase", "db:start", "schema:update"} {
				assert.Equal(t, "unchanged", outcome(again, phase), phase)
			}
			assert.Contains(t, again.Stdout, "nothing had changed")
			assert.Equal(t, before, containerID(t, kind, name), "the container is the same")
		})
		t.Run("the reports tell what there is", func(t *testing.T) { checkReports(t, c, name) })
		t.Run("no secret stands in logs or in what the engine shows", func(t *testing.T) { checkSecrets(t, c, kind, name) })
		t.Run("down keeps the data", func(t *testing.T) {
			c.OK(t, "down")
			assert.Contains(t, c.OK(t, "status").Stdout, "exited")
			assert.Contains(t, c.OK(t, "down").Stderr, "nothing was running")
			verify := c.OK(t, "verify:db")
			assert.Equal(t, "done", outcome(verify, "db:start"), "verify:db starts a stopped database and says so")
			assert.Equal(t, 1, domains(t, c), "the row is still there")
		})
		t.Run("a changed password reaches the volume", func(t *testing.T) { changePassword(t, c) })
		t.Run("a lost password is replaced", func(t *testing.T) {
			require.NoError(t, os.Remove(filepath.Join(stateOf(c, name), "password")))
			c.OK(t, "setup")
			assert.Equal(t, 1, domains(t, c), "the row survives")
		})
		t.Run("reset asks, and deletes what is ours", func(t *testing.T) {
			refused := c.Mage(t, nil, "reset")
			assert.Equal(t, 2, refused.Code, "without a terminal it refuses")
			assert.Equal(t, 1, domains(t, c))
			c.OK(t, "reset", "-yes")
			assert.Contains(t, c.OK(t, "status").Stdout, "not there")
			assert.Empty(t, engineOutput(t, kind, "volume", "ls", "-q", "--filter", "name=^poststack-"+name+"-data$"))
			assert.Equal(t, 5, c.Mage(t, nil, "db:url").Code, "there is no database any more")
		})
		lookAlikes.check(t)
	})
}

// domains counts the rows of the table that the test wrote to.
func domains(t *testing.T, c *checkout.Checkout) (n int) {
	t.Helper()
	require.NoError(t, connect(t, c.URL(t)).QueryRow(t.Context(), `select count(*) from domains`).Scan(&n))
	return n
}

// checkReports looks at the targets that only tell.
func checkReports(t *testing.T, c *checkout.Checkout, name string) {
	t.Helper()
	status := c.OK(t, "status").Stdout
	for _, want := range []string{
		"poststack-" + name + "-postgres", "running", "127.0.0.1:", "current", "poststack-" + name + "-data",
	} {
		assert.Contains(t, status, want)
	}
	assert.Contains(t, c.OK(t, "schema:status").Stdout, "current")
	assert.GreaterOrEqual(t, strings.Count(c.OK(t, "images").Stdout, "current"), 4,
		"and those of services that others have built")
	assert.Contains(t, c.OK(t, "engine:status").Stdout, "yes")
	show := c.OK(t, "config:show").Stdout
	assert.Contains(t, show, "environment POSTSTACK_ENGINE")
}

// checkSecrets searches for the password where others can read.
func checkSecrets(t *testing.T, c *checkout.Checkout, kind engine.Kind, name string) {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(stateOf(c, name), "password"))
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(stateOf(c, name), "password"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.NotContains(t, engineOutput(t, kind, "inspect", "poststack-"+name+"-postgres"), string(password))
	require.NoError(t, filepath.WalkDir(filepath.Join(c.Dir, "logs"), func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		if !d.IsDir() {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.NotContains(t, string(text), string(password), path)
		}
		return nil
	}))
}

// changePassword replaces the stored password, with one that every layer has to quote.
func changePassword(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	const hard = `p@s:s/w#r%d?&=+'"\$HOME {x};` + "\r\n"
	path := filepath.Join(stateOf(c, c.Stack(t)), "password")
	require.NoError(t, os.WriteFile(path, []byte(hard), 0o600))
	r := c.OK(t, "setup")
	assert.Contains(t, r.Stderr, "replaced", "it is said")
	assert.Equal(t, 1, domains(t, c), "the row survives")
	assert.NotContains(t, r.Stderr+r.Stdout, `{x}`, "the password is shown nowhere")
}

// stateOf is the state directory of the stack of that name.
func stateOf(c *checkout.Checkout, name string) string { return filepath.Join(c.State, name) }

// engineOutput runs the engine's own command, as a stranger to Poststack would.
func engineOutput(t *testing.T, kind engine.Kind, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(kind), args...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v: %s", kind, args, out)
	return strings.TrimSpace(string(out))
}

// containerID is the ID of the stack's own database.
func containerID(t *testing.T, kind engine.Kind, name string) string {
	t.Helper()
	return engineOutput(t, kind, "inspect", "--format", "{{.Id}}", "poststack-"+name+"-postgres")
}
