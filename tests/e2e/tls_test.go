package e2e_test

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// encrypted asks whether the session that asks is.
const encrypted = `select ssl from pg_stat_ssl where pid = pg_backend_pid()`

// TestTLS takes a database through its certificates: none, one of the own authority, a renewed one, one of a directory,
// and none again.
func TestTLS(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		s := &secured{Checkout: checkout.New(t, kind), engine: enginetest.Open(t, kind)}
		s.name = "poststack-" + s.Stack(t)
		s.other = authority(t)
		s.own = filepath.Join(s.State, s.Stack(t), "tls")
		s.OK(t, "db:start")
		off := s.container(t)
		assert.Contains(t, s.URL(t), "sslmode=disable")

		s.from = "own"
		assert.Contains(t, s.ok(t, "setup"), "made a local authority")
		assert.NotEqual(t, off.ID, s.container(t).ID)
		s.isServed(t, s.own)
		before := s.container(t)
		assert.Contains(t, s.ok(t, "setup"), "nothing had changed")
		assert.Equal(t, before.Started, s.container(t).Started)

		t.Run("nobody sees the key", s.keyIsKept)
		t.Run("a service checks the certificate", func(t *testing.T) {
			s.service(t, "verify-full", "-verify_hostname", "postgres")
		})
		t.Run("a renewed certificate is taken into use without a restart", s.renewed)
		t.Run("who trusts another root does not connect", s.otherRoot)
		t.Run("the certificate of a directory", s.directory)
		t.Run("what cannot be used is refused before anything changes", s.refused)
		t.Run("it is switched off again", s.switchedOff)
	})
}

// secured is a checkout whose database may have TLS.
type secured struct {
	*checkout.Checkout
	engine *engine.Engine
	name   string // what the names of its things begin with
	own    string // the directory of its authority
	from   string // database.tls
	other  certificate.Authority
	tables int // made to see how Liquibase connects
}

func (s *secured) env() []string { return []string{"POSTSTACK_DATABASE_TLS=" + s.from} }

func (s *secured) ok(t *testing.T, args ...string) string {
	t.Helper()
	r := s.Mage(t, s.env(), args...)
	require.Zero(t, r.Code)
	return r.Stdout + r.Stderr
}

func (s *secured) container(t *testing.T) engine.Container {
	t.Helper()
	c, err := s.engine.ContainerInspect(t.Context(), s.name+"-postgres")
	require.NoError(t, err)
	return c
}

// url is what db:url prints.
func (s *secured) url(t *testing.T) string {
	t.Helper()
	r := s.Mage(t, s.env(), "db:url")
	require.Zero(t, r.Code)
	return strings.TrimSpace(r.Stdout)
}

// isServed checks that whatever connects is shown the certificate in dir, and believes no other.
func (s *secured) isServed(t *testing.T, dir string) {
	t.Helper()
	printed := s.url(t)
	u, err := url.Parse(printed)
	require.NoError(t, err)
	assert.Equal(t, "verify-full", u.Query().Get("sslmode"))
	assert.Equal(t, filepath.Join(dir, "root.pem"), u.Query().Get("sslrootcert"))
	conn := connect(t, printed)
	assert.Equal(t, serial(t, dir), s.shown(t, conn))

	assert.Contains(t, s.ok(t, "psql", "-command="+encrypted), "\n t\n", "psql of this machine")
	inside := s.Mage(t, append(s.env(), withoutPsql(t)), "psql", "-command="+encrypted)
	require.Zero(t, inside.Code)
	assert.Contains(t, inside.Stdout, "\n t\n", "psql of the container")
	assert.Contains(t, s.ok(t, "verify:db"), "TLS 1.3")
	s.migrates(t)
}

// migrates has Liquibase note whether its session is encrypted.
func (s *secured) migrates(t *testing.T) {
	t.Helper()
	s.tables++
	name := fmt.Sprintf("changelogs/schema/9%02d-tls.sql", s.tables)
	text := fmt.Sprintf("--liquibase formatted sql\n\n--changeset test:tls-%[1]d\ncreate table tls_%[1]d as "+
		"%[2]s;\n--rollback drop table tls_%[1]d;\n", s.tables, encrypted)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o644))
	s.ok(t, "schema:update")
	assert.Contains(t, s.ok(t, "psql", fmt.Sprintf("-command=select ssl from tls_%d", s.tables)), "\n t\n")
}

// shown is the serial number of the certificate that the server has shown to conn.
func (s *secured) shown(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	secure, ok := conn.PgConn().Conn().(*tls.Conn)
	require.True(t, ok)
	return certificate.Serial(secure.ConnectionState().PeerCertificates[0])
}

// serial is that of the certificate in dir.
func serial(t *testing.T, dir string) string {
	t.Helper()
	found, err := certificate.Public(dir)
	require.NoError(t, err)
	return certificate.Serial(found.Leaf)
}

// keyIsKept looks for the key where others may look.
func (s *secured) keyIsKept(t *testing.T) {
	key, err := os.ReadFile(filepath.Join(s.own, "privkey.pem"))
	require.NoError(t, err)
	secret := strings.Split(string(key), "\n")[1]
	c := s.container(t)
	assert.NotContains(t, fmt.Sprintf("%+v", c), secret)
	res, err := s.engine.ContainerExec(t.Context(), c.ID, engine.ExecSpec{
		Command: []string{"sh", "-c", "stat -c '%U:%g %a' /etc/certs/privkey.pem && ! touch /etc/certs/x"},
	})
	require.NoError(t, err)
	assert.Equal(t, "root:9999 640\n", res.Stdout)
	assert.Contains(t, res.Stderr, "Read-only file system")
	res, err = s.engine.ContainerExec(t.Context(), c.ID,
		engine.ExecSpec{Command: []string{"cat", "/etc/certs/privkey.pem"}, User: "nobody"})
	require.NoError(t, err)
	assert.NotZero(t, res.Code, "another user of the container")
}

// service has a service of the stack connect as its variables say.
func (s *secured) service(t *testing.T, mode string, more ...string) {
	t.Helper()
	folder := filepath.Join(s.Dir, "containers", "web")
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join("testdata", "web"))))
	defer func() { assert.NoError(t, os.RemoveAll(folder)) }()
	r := s.Mage(t, append(s.env(), "POSTSTACK_SERVICES=web"), "services:start")
	require.Zero(t, r.Code)
	web, err := s.engine.ContainerInspect(t.Context(), s.name+"-web")
	require.NoError(t, err)
	assert.Contains(t, web.Env, "PGSSLMODE="+mode)
	res, err := s.engine.ContainerExec(t.Context(), web.ID, engine.ExecSpec{Command: append([]string{
		"sh", "-c",
		`exec openssl s_client -starttls postgres -connect $PGHOST:$PGPORT -CAfile $PGSSLROOTCERT \
			-verify_return_error "$@" </dev/null`,
		"sh",
	}, more...)})
	require.NoError(t, err)
	assert.Zero(t, res.Code, res.Stderr)
	assert.Contains(t, res.Stdout, "Verify return code: 0 (ok)")
}

func (s *secured) renewed(t *testing.T) {
	before, had := s.container(t), serial(t, s.own)
	open := connect(t, s.url(t))
	require.NoError(t, os.Remove(filepath.Join(s.own, "fullchain.pem")))
	assert.Contains(t, s.ok(t, "setup"), "it serves the new certificate")
	assert.NotEqual(t, had, serial(t, s.own))
	s.isServed(t, s.own)
	assert.Equal(t, before.ID, s.container(t).ID)
	assert.Equal(t, before.Started, s.container(t).Started)
	require.NoError(t, open.Ping(t.Context()), "clients stay connected")
	assert.Contains(t, s.ok(t, "status"), "3649 days")
	assert.Contains(t, s.ok(t, "doctor"), "3649 days")

	s.ok(t, "down")
	s.ok(t, "db:start")
	assert.Equal(t, before.ID, s.container(t).ID)
	assert.Equal(t, serial(t, s.own), s.shown(t, connect(t, s.url(t))), "it is there after a restart, too")
}

func (s *secured) otherRoot(t *testing.T) {
	u, err := url.Parse(s.url(t))
	require.NoError(t, err)
	q := u.Query()
	q.Set("sslrootcert", filepath.Join(s.other.Dir, "root.pem"))
	u.RawQuery = q.Encode()
	_, err = pgx.Connect(t.Context(), u.String())
	require.ErrorContains(t, err, "unknown authority")
	r := s.Mage(t, []string{"DATABASE_URL=" + u.String()}, "verify:db")
	assert.Equal(t, 5, r.Code)
	assert.Contains(t, r.Stderr, "TLS failed")
}

// authority is another one than the stack's, whose server is found by a name only.
func authority(t *testing.T) certificate.Authority {
	t.Helper()
	a := certificate.Authority{
		Dir: filepath.Join(t.TempDir(), "certs"), Name: "another", Server: certificate.Names{DNS: []string{"db.example.org"}},
	}
	_, err := a.Renew(time.Now())
	require.NoError(t, err)
	return a
}

// directory has the database serve a certificate of another authority, for a name that leads nowhere from here.
func (s *secured) directory(t *testing.T) {
	before := s.container(t)
	s.from = s.other.Dir
	assert.Contains(t, s.ok(t, "setup"), "it serves the new certificate")
	assert.Equal(t, before.Started, s.container(t).Started)
	u, err := url.Parse(s.url(t))
	require.NoError(t, err)
	assert.Equal(t, "db.example.org", u.Hostname())
	assert.Equal(t, "127.0.0.1", u.Query().Get("hostaddr"))
	assert.Contains(t, s.ok(t, "psql", "-command="+encrypted), "\n t\n")
	inside := s.Mage(t, append(s.env(), withoutPsql(t)), "psql", "-command="+encrypted)
	assert.Contains(t, inside.Stdout, "\n t\n", "psql of the container")
	s.migrates(t)
	s.service(t, "verify-ca")
}

func (s *secured) refused(t *testing.T) {
	before := s.container(t)
	dir := filepath.Join(t.TempDir(), "certs")
	require.NoError(t, os.CopyFS(dir, os.DirFS(s.from)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "privkey.pem"), []byte("secret"), 0o600))
	r := s.Mage(t, []string{"POSTSTACK_DATABASE_TLS=" + dir}, "setup")
	assert.Equal(t, 2, r.Code)
	assert.Contains(t, r.Stderr, "privkey.pem")
	assert.Contains(t, r.Stderr, "it holds no key in PEM; convert it with openssl pkey")
	assert.NotContains(t, r.Stderr, "build:", "it is told of before anything is done")
	assert.Equal(t, before.Started, s.container(t).Started)
}

func (s *secured) switchedOff(t *testing.T) {
	before := s.container(t)
	s.from = "off"
	s.ok(t, "setup")
	assert.NotEqual(t, before.ID, s.container(t).ID)
	assert.Contains(t, s.url(t), "sslmode=disable")
	var ssl bool
	require.NoError(t, connect(t, s.url(t)).QueryRow(t.Context(), encrypted).Scan(&ssl))
	assert.False(t, ssl)
	_, err := s.engine.VolumeInspect(t.Context(), s.name+"-database-certificate")
	require.ErrorIs(t, err, engine.ErrNotFound, "the key is deleted")
	assert.FileExists(t, filepath.Join(s.own, "root.pem"), "whom clients trust stays")
	s.ok(t, "reset", "-yes")
	assert.NoDirExists(t, s.own)

	s.from, s.tables = "own", 0
	for _, name := range []string{"902-tls.sql", "903-tls.sql"} {
		require.NoError(t, os.Remove(filepath.Join(s.Dir, "changelogs", "schema", name)))
	}
	assert.Contains(t, s.ok(t, "setup"), "made a local authority", "a new database has it from the start")
	s.isServed(t, s.own)
}
