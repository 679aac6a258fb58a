package database_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Not parallel: it sets variables of the process, which is what it is about.
func TestTarget_Connect_reads_nothing_from_the_environment(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("TMPDIR", t.TempDir())
	for name, content := range map[string]string{
		".pgpass": "*:*:*:*:from-passfile\n", ".pg_service.conf": "[elsewhere]\nhost=192.0.2.1\nport=1\n",
		".postgresql/root.crt": "x", ".postgresql/postgresql.crt": "x", ".postgresql/postgresql.key": "x",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(home, name), []byte(content), 0o600))
	}
	for _, name := range []string{
		"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE",
		"PGSSLMODE", "PGSSLKEY", "PGSSLCERT", "PGSSLCERTMODE", "PGSSLSNI", "PGSSLROOTCERT", "PGSSLPASSWORD",
		"PGSSLNEGOTIATION", "PGTARGETSESSIONATTRS", "PGOPTIONS", "PGTZ", "PGAPPNAME", "PGCONNECT_TIMEOUT",
		"PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGGSSENCMODE",
	} {
		t.Setenv(name, "elsewhere")
	}
	type received struct {
		parameters map[string]string
		password   string
	}
	for _, password := range []string{"s3cr3t-pw", ""} {
		got := make(chan received, 1)
		tgt := serve(t, login{seen: func(s *pgproto3.StartupMessage, p string) { got <- received{s.Parameters, p} }}.handle)
		tgt.Password = "s3cr3t-pw"
		if password == "" {
			tgt.Password = ""
		}
		tgt.Schema = "hosting"
		conn, err := tgt.Connect(t.Context())
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
		assert.Equal(t, received{map[string]string{
			"user": "app", "database": "mail", "application_name": "poststack", "search_path": "hosting",
		}, password}, <-got)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "poststack-service-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}
