package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/tests/checkout"
)

// TestAnotherMajor takes a database from the PostgreSQL of the usual suite to that of the suite under test, as
// docs/backup.md says.
func TestAnotherMajor(t *testing.T) {
	t.Parallel()
	if checkout.Suite() == usualSuite {
		t.Skipf("%s names no other suite than the usual one", enginetest.EnvSuite)
	}
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		usual := []string{"POSTSTACK_DEBIAN_SUITE=" + string(usualSuite)}
		require.Zero(t, c.Mage(t, usual, "setup").Code)
		conn := connect(t, c.URL(t))
		_, err := conn.Exec(t.Context(), `insert into domains (name, serves_mail) values ('example.org', true)`)
		require.NoError(t, err)
		r := c.Mage(t, append(usual, asked()...), "db:backup", "-verify")
		file := document[stack.BackupData](t, r).File

		r = c.Mage(t, nil, "setup")
		assert.Equal(t, 5, r.Code)
		assert.Contains(t, r.Stderr, "mage db:restore FILE")
		require.NoError(t, conn.Ping(t.Context()), "the old one runs on")

		r = c.Mage(t, asked(), "db:restore", file, "-yes")
		assert.Positive(t, document[stack.RestoredData](t, r).Rows)
		assert.Equal(t, "unchanged", outcome(c.OK(t, "setup"), "schema:update"))
		var version, name string
		conn = connect(t, c.URL(t))
		require.NoError(t,
			conn.QueryRow(t.Context(), `select current_setting('server_version_num'), name from domains`).Scan(&version, &name))
		assert.Equal(t, "example.org", name)
		assert.Greater(t, version, "16")
	})
}
