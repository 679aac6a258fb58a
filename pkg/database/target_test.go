package database_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/secret"
)

// hard is a password of every character that some reader takes for its own, and 180 long.
func hard() string {
	const head = `p@s:s/w#r%d?&=+'"\$HOME {x};`
	return head + strings.Repeat("z", 180-len(head))
}

func TestTarget_hides_the_password_in_every_way_of_printing(t *testing.T) {
	t.Parallel()
	tgt := target(password("s3cr3t"))
	js, err := json.Marshal(map[string]any{"t": tgt, "p": &tgt})
	require.NoError(t, err)
	for _, out := range []string{
		fmt.Sprint(tgt), fmt.Sprintf("%v %+v %#v %s %q", tgt, tgt, tgt, tgt, tgt), fmt.Sprintf("%+v %#v", &tgt, &tgt),
		fmt.Sprintf("%+v %#v", struct{ T database.Target }{tgt}, struct{ T database.Target }{tgt}),
		string(js), tgt.Redacted(), tgt.JDBC(),
	} {
		assert.NotContains(t, out, "s3cr3t")
		assert.Contains(t, out, "db.example")
	}
	assert.Equal(t, "postgresql://app:s3cr3t@db.example:5432/mail?sslmode=prefer", tgt.URL())
	assert.Equal(t, "postgresql://app@db.example:5432/mail?sslmode=prefer", tgt.String())
}

func TestTarget_carries_a_hard_password_through_every_form(t *testing.T) {
	t.Parallel()
	const encoded = `p%40s%3As%2Fw%23r%25d%3F%26%3D%2B%27%22%5C%24HOME%20%7Bx%7D%3B`
	tgt, _, err := database.ReadURL("postgres://app:" + encoded + strings.Repeat("z", 152) + "@db.example/mail")
	require.NoError(t, err)
	require.Equal(t, hard(), tgt.Password.Reveal())
	again, _, err := database.ReadURL(tgt.URL())
	require.NoError(t, err)
	assert.Equal(t, tgt, again)
	assert.Equal(t, `*:*:*:*:p@s\:s/w#r%d?&=+'"\\$HOME {x};`+strings.Repeat("z", 152)+"\n", string(tgt.PassFile()))
	assert.Subset(t, tgt.Secrets(), []string{hard()})
	for _, s := range tgt.Secrets() {
		assert.NotContains(t, tgt.Redacted()+tgt.JDBC(), s)
	}
}

func TestTarget_URL_is_read_alike_by_pgx(t *testing.T) {
	t.Parallel()
	tgt := target(func(t *database.Target) {
		t.Password, t.User, t.Database, t.Host, t.Schema = secret.Value(hard()), "us@er:x", "a/b+c d%?", "::1", "hosting"
	})
	cfg, err := pgx.ParseConfig(tgt.URL())
	require.NoError(t, err)
	assert.Equal(t, []any{"::1", uint16(5432), "us@er:x", hard(), "a/b+c d%?", "-c search_path=hosting"},
		[]any{cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database, cfg.RuntimeParams["options"]})
}

func TestTarget_without_a_password_has_nothing_to_hide(t *testing.T) {
	t.Parallel()
	tgt := target(password(""))
	assert.Empty(t, tgt.PassFile())
	assert.Empty(t, tgt.Secrets())
	assert.Equal(t, tgt.Redacted(), tgt.URL())
}

// noCleartext ends the URL of a connection that others can listen to.
const noCleartext = "&authenticationPluginClassName=org.poststack.liquibase.NoCleartext"

func TestTarget_JDBC(t *testing.T) {
	t.Parallel()
	for want, raw := range map[string]string{
		"jdbc:postgresql://db.example:5432/mail?sslmode=prefer&ApplicationName=poststack" +
			"&connectTimeout=10&loginTimeout=60&gssEncMode=disable" + noCleartext: "postgres://app:pw@db.example/mail",
		"jdbc:postgresql://[::1]:6000/a%2Bb%20c?sslmode=disable&currentSchema=hosting&ApplicationName=poststack" +
			"&connectTimeout=3&loginTimeout=60&gssEncMode=disable": "" +
			"postgres://app:pw@[::1]:6000/a+b%20c?sslmode=disable&schema=hosting&connect_timeout=3",
		"jdbc:postgresql://db.example:5432/mail?sslmode=verify-ca&sslrootcert=%2Fliquibase%2Frun%2Ftls%2Froot.crt" +
			"&sslcert=%2Fliquibase%2Frun%2Ftls%2Fclient.crt&sslkey=%2Fliquibase%2Frun%2Ftls%2Fclient.pk8" +
			"&ApplicationName=poststack&connectTimeout=10&loginTimeout=60&gssEncMode=disable": "" +
			"postgres://app:pw@db.example/mail?sslmode=verify-ca&sslrootcert=/ca&sslcert=/c&sslkey=/k",
	} {
		tgt, _, err := database.ReadURL(raw)
		require.NoError(t, err)
		assert.Equal(t, want, tgt.JDBC())
		back, _, err := database.ReadURL(tgt.URL())
		require.NoError(t, err)
		assert.Equal(t, want, back.JDBC())
	}
}

func TestTarget_Loopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "db.localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"::ffff:127.0.0.1": true, "192.0.2.1": false, "localhost.example": false, "notlocalhost": false,
	} {
		assert.Equal(t, want, target(func(t *database.Target) { t.Host = host }).Loopback(), host)
	}
}

func TestTarget_WithHost_changes_only_the_address(t *testing.T) {
	t.Parallel()
	moved := target(nil).WithHost("postgres", 6000)
	assert.Equal(t, "postgres:6000", moved.Address())
	assert.Equal(t, target(nil), moved.WithHost("db.example", 5432))
}
