package database_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
)

func TestTarget_that_was_reached_is_reached_again(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := filepath.Join(dir, "ca.crt")
	cert, _ := selfSigned(t)
	require.NoError(t, os.WriteFile(root, cert, 0o600))
	const six, far = "::1", "192.0.2.7"
	for name, tc := range map[string]struct {
		url, at  string
		tls      bool
		address  string // in the JDBC URL
		mode     string
		hosts    string
		guarded  bool // the password is not sent as it is
		loopback bool
		place    string
	}{
		"localhost that answers on ::1 only": {
			"postgres://app@localhost/mail", six, false, "[::1]:5432", "disable", "", false, true, "localhost:5432 (::1)",
		},
		"a name that /etc/hosts leads here": {
			"postgres://app@myhost/mail", "127.0.1.1", false, "127.0.1.1:5432",
			"disable", "", false, true, "myhost:5432 (127.0.1.1)",
		},
		"with TLS the name stays": {
			"postgres://app@myhost/mail", "127.0.1.1", true, "myhost:5432",
			"require", "127.0.1.1 myhost\n", false, true, "myhost:5432 (127.0.1.1)",
		},
		"an address needs no name": {
			"postgres://app@192.0.2.7/mail", far, true, "192.0.2.7:5432", "require", "", false, false, "192.0.2.7:5432",
		},
		"a server without TLS far away": {
			"postgres://app@db.example/mail", far, false, "192.0.2.7:5432",
			"disable", "", true, false, "db.example:5432 (192.0.2.7)",
		},
		"sslmode=allow that went without TLS": {
			"postgres://app@db.example/mail?sslmode=allow", far, false,
			"192.0.2.7:5432", "disable", "", true, false, "db.example:5432 (192.0.2.7)",
		},
		"verify-full keeps the name": {
			"postgres://app@db.example/mail?sslmode=verify-full&sslrootcert=" + root, far, true,
			"db.example:5432", "verify-full", "192.0.2.7 db.example\n", false, false, "db.example:5432 (192.0.2.7)",
		},
		"channel_binding=require trusts only the certificate that was seen": {
			"postgres://app@db.example/mail?channel_binding=require", far, true,
			"db.example:5432", "verify-ca", "192.0.2.7 db.example\n", false, false, "db.example:5432 (192.0.2.7)",
		},
		"hostaddr": {
			"postgres://app@db.example/mail?hostaddr=192.0.2.9", "", false, "db.example:5432",
			"prefer", "192.0.2.9 db.example\n", true, false, "db.example:5432 (192.0.2.9)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tgt, _, err := database.ReadURL(tc.url)
			require.NoError(t, err)
			before := tgt.URL()
			if tc.at != "" {
				tgt.Reached = database.Reached{Address: netip.MustParseAddr(tc.at), TLS: tc.tls}
			}
			if tc.tls {
				tgt.Reached.Certificate = string(cert)
			}
			jdbc := tgt.JDBC()
			assert.True(t, strings.HasPrefix(jdbc, "jdbc:postgresql://"+tc.address+"/mail?sslmode="+tc.mode+"&"), jdbc)
			assert.Equal(t, tc.guarded, strings.HasSuffix(jdbc, noCleartext), jdbc)
			assert.Equal(t, tc.hosts, string(tgt.Hosts()))
			assert.Equal(t, tc.loopback, tgt.Loopback())
			assert.Equal(t, `database "mail" at `+tc.place, tgt.Place())
			assert.Equal(t, before, tgt.URL(), "what is shown stays as it was written")
		})
	}
}

func TestTarget_ClientFiles_for_channel_binding(t *testing.T) {
	t.Parallel()
	tgt, _, err := database.ReadURL("postgres://app@db.example/mail?channel_binding=require")
	require.NoError(t, err)
	_, err = tgt.ClientFiles()
	require.ErrorContains(t, err, "channel_binding=require")
	cert, _ := selfSigned(t)
	tgt.Reached = database.Reached{Address: netip.MustParseAddr("192.0.2.7"), TLS: true, Certificate: string(cert)}
	files, err := tgt.ClientFiles()
	require.NoError(t, err)
	assert.Equal(t, []database.ClientFile{{Path: database.ClientRootCert, Content: cert}}, files)
}

func TestTarget_on_a_socket(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgresql:///mail?host=/run/pg&port=6000&user=app", "postgresql://app@%2Frun%2Fpg:6000/mail",
		"host=/run/pg port=6000 dbname=mail user=app",
	} {
		tgt, _, err := database.ReadURL(url)
		require.NoError(t, err, url)
		assert.Equal(t, "/run/pg/.s.PGSQL.6000", tgt.Socket())
		assert.Equal(t, `database "mail" at /run/pg/.s.PGSQL.6000`, tgt.Place())
		assert.True(t, tgt.Loopback())
		assert.Equal(t, "postgresql://app@/mail?sslmode=prefer&host=%2Frun%2Fpg&port=6000", tgt.URL())
		assert.ErrorContains(t, tgt.Networked(), "Liquibase's container cannot reach; let the server listen on TCP")
	}
	assert.NoError(t, target(nil).Networked())
}
