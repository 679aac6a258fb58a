package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestService adds a folder to the checkout, and nothing else: a web server with a port, a volume and a secret, which
// depends on PostgreSQL.
func TestService(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		e := enginetest.Open(t, kind)
		require.NoError(t, os.CopyFS(filepath.Join(c.Dir, "containers", "web"), os.DirFS(filepath.Join("testdata", "web"))))
		w := &website{c, e, "poststack-" + c.Stack(t)}
		assert.Contains(t, w.ok(t, "services:start"),
			"poststack.yaml chooses no services (services: apache, bind, certbot, dovecot, nginx, pebble, web)")
		c.Write(t, "poststack.yaml", func(string) string { return "services: [web]\n" })

		assert.Contains(t, w.ok(t, "services:start"), "web made, 8080 on 127.0.0.1:")
		assert.Equal(t, "hello from localhost", w.get(t, "/"))
		assert.Equal(t, kind == engine.Docker, w.container(t).KeptUp, "it comes back after a restart of docker")
		token := w.get(t, "/token")
		assert.Len(t, token, 32)
		before := w.container(t)
		assert.NotContains(t, fmt.Sprintf("%+v", before), token, "no inspection shows the secret")
		db, err := e.ContainerInspect(t.Context(), w.stack+"-postgres")
		require.NoError(t, err)
		assert.True(t, db.Started.Before(before.Started), "what it depends on was started first")
		assert.Contains(t, w.ok(t, "services:start"), "web runs already")
		assert.Equal(t, before.ID, w.container(t).ID)
		assert.Contains(t, w.ok(t, "status"), before.Name)
		assert.Contains(t, w.ok(t, "logs", "-of=web"), "GET /token")

		w.signsIn(t, before)
		_, err = e.ContainerExec(t.Context(), before.ID,
			engine.ExecSpec{Command: []string{"sh", "-c", "printf changed >/srv/web/greeting"}})
		require.NoError(t, err)
		assert.Equal(t, "hello from localhost", w.get(t, "/"))
		assert.Contains(t, w.ok(t, "services:reload", "-of=web"), "web reloaded")
		assert.Equal(t, "changed", w.get(t, "/"))
		assert.Equal(t, before.Started, w.container(t).Started, "it was not restarted")

		assert.Contains(t, w.ok(t, "services:stop"), "web stopped")
		assert.Equal(t, engine.Exited, w.container(t).State)
		assert.Zero(t, w.container(t).ExitCode)
		assert.Contains(t, w.ok(t, "services:start", "-of=web"), "web started")
		assert.Equal(t, "changed", w.get(t, "/"), "its volume is kept")
		assert.Equal(t, token, w.get(t, "/token"))
		assert.Equal(t, before.Ports, w.container(t).Ports, "on the port that people know")

		c.OK(t, "verify:runtime", "-of=web")
		c.OK(t, "reset", "-yes")
		for _, err := range []error{
			errorOf(e.ContainerInspect(t.Context(), before.Name)), errorOf(e.VolumeInspect(t.Context(), w.stack+"-web")),
		} {
			assert.ErrorIs(t, err, engine.ErrNotFound)
		}
		left, err := filepath.Glob(filepath.Join(c.State, "services", "*"))
		require.NoError(t, err)
		assert.Empty(t, left)
		r := c.Mage(t, nil, "services:start", "-of=wbe")
		assert.Equal(t, 2, r.Code)
		assert.Contains(t, r.Stderr,
			`there is no service "wbe"; known are: apache, bind, certbot, dovecot, nginx, pebble, web`)
	})
}

// signsIn has the service sign in as itself, which may read what its role may and nothing else, and takes the role
// away.
func (w *website) signsIn(t *testing.T, c engine.Container) {
	t.Helper()
	env := map[string]string{}
	for _, variable := range c.Env {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	assert.Equal(t, "postgres 5432 poststack disable",
		strings.Join([]string{env["PGHOST"], env["PGPORT"], env["PGDATABASE"], env["PGSSLMODE"]}, " "))
	file, err := w.engine.ContainerFile(t.Context(), c.ID, env["PGPASSFILE"])
	require.NoError(t, err)
	password := strings.TrimSpace(strings.TrimPrefix(string(file), "*:*:*:*:"))
	require.Len(t, password, 32)
	assert.NotContains(t, fmt.Sprintf("%+v", c), password)
	address, err := url.Parse(w.URL(t))
	require.NoError(t, err)
	admin := connect(t, address.String())
	address.User = url.UserPassword(env["PGUSER"], password)
	conn := connect(t, address.String())
	_, err = conn.Exec(t.Context(), `select from domains`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `select from accounts`)
	require.ErrorContains(t, err, "permission denied")
	var most int
	require.NoError(t,
		conn.QueryRow(t.Context(), `select rolconnlimit from pg_roles where rolname = current_user`).Scan(&most))
	assert.Positive(t, most, "one service cannot take all connections from the others")
	require.NoError(t, conn.Close(t.Context()))

	_, err = admin.Exec(t.Context(), `drop role `+pgx.Identifier{env["PGUSER"]}.Sanitize())
	require.NoError(t, err)
	assert.Contains(t, w.ok(t, "services:start"), "web runs already")
	assert.NoError(t, connect(t, address.String()).Ping(t.Context()), "the role is there again, with its password")
}

func errorOf[T any](_ T, err error) error { return err }

// website is the service under test.
type website struct {
	*checkout.Checkout
	engine *engine.Engine
	stack  string // what the names of its things begin with
}

func (w *website) container(t *testing.T) engine.Container {
	t.Helper()
	c, err := w.engine.ContainerInspect(t.Context(), w.stack+"-web")
	require.NoError(t, err)
	return c
}

// ok is what a target that works says.
func (w *website) ok(t *testing.T, args ...string) string {
	t.Helper()
	r := w.OK(t, args...)
	return r.Stdout + r.Stderr
}

// get is a page of it.
func (w *website) get(t *testing.T, path string) string {
	t.Helper()
	ports := w.container(t).Ports
	require.Len(t, ports, 1)
	url := fmt.Sprintf("http://127.0.0.1:%d%s", ports[0].Host, path)
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}
