package integration_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func runsAsDocumented(p *postgres) {
	conn := p.start()
	assert.Equal(p, "UTF8", p.query(conn, "show server_encoding"))
	assert.Equal(p, "C.UTF-8", p.query(conn, "select datcollate from pg_database where datname = 'app'"))
	assert.Equal(p, "on", p.query(conn, "show fsync"))
	assert.Equal(p, "on", p.query(conn, "show data_checksums"))
	assert.Equal(p, "scram-sha-256", p.query(conn, "show password_encryption"))
	assert.Equal(p, "{scram-sha-256}",
		p.query(conn, "select array_agg(distinct auth_method)::text from pg_hba_file_rules"))
	assert.Equal(p, "true", p.query(conn, "select pg_jit_available()::text"))

	assert.Equal(p, "postgres postgres ssl-cert certgroup", p.inside("sh", "-c", "echo $(id -un) $(id -Gn)"))
	assert.Equal(p, "999:999", p.inside("stat", "-c", "%u:%g", "/proc/1"))
	assert.Equal(p, "postgres", p.inside("ps", "-o", "comm=", "-p", "1"))
	assert.NotContains(p, p.inside("sh", "-c", "tr '\\0' '\\n' < /proc/1/environ"), p.password)
	assert.True(p, p.healthy())
	for _, tool := range []string{"psql", "pg_dump", "pg_isready", "strace", "ps", "drill"} {
		p.inside("which", tool)
	}
	img, err := p.engine.ImageInspect(p.Context(), postgresImage)
	require.NoError(p, err)
	assert.Equal(p, "SIGINT", img.StopSignal)
	assert.Equal(p, "postgres", img.User)
	assert.LessOrEqual(p, img.SizeBytes, int64(400_000_000))
	// k19: podman's default format would have dropped it.
	assert.Equal(p, []string{"CMD", "healthcheck"}, healthcheck(p.T, p.engine, postgresImage))
}

// keepsData is k03: a client that never leaves does not keep the server from a clean end.
func keepsData(p *postgres) {
	conn := p.start()
	exec(p.T, conn, "create table kept (id int)", "insert into kept values (1)")
	sleeper := p.login(p.password)
	go func() { _, _ = sleeper.Exec(p.Context(), "select pg_sleep(900)") }()

	code, took := p.stop()
	log := p.logs()
	assert.Zero(p, code)
	assert.Less(p, took, 45*time.Second)
	assert.Contains(p, log, "received fast shutdown request")
	assert.Contains(p, log, "database system is shut down")

	conn = p.start()
	assert.Equal(p, "1", p.query(conn, "select count(*)::text from kept"))
	assert.NotContains(p, p.logs(), "not properly shut down")
	assert.NotContains(p, p.logs(), "entrypoint:", "nothing is made anew")
}

// foreignEntries is k04: the root of the volume is not empty.
func foreignEntries(p *postgres) {
	p.spec.User, p.spec.Entrypoint = "0", []string{"bash", "-c"}
	p.spec.Command = []string{
		"cd /var/lib/postgresql && rmdir data && mkdir -m 700 lost+found && touch .keep && chown 0:0 . && chmod 755 .",
	}
	code, log := p.fail()
	require.Zero(p, code, log)

	p.spec.User, p.spec.Entrypoint, p.spec.Command = "", nil, nil
	code, log = p.fail()
	assert.Equal(p, 73, code)
	assert.Contains(p, said(log), "/var/lib/postgresql (owner 0:0, mode 755, holds .keep lost+found); set PGDATA")

	p.spec.User = "0"
	conn := p.start()
	exec(p.T, conn, "create table kept (id int)")
	assert.Equal(p, ".keep 0 data 999 lost+found 0",
		p.inside("sh", "-c", "cd /var/lib/postgresql && echo $(stat -c '%n %u' .keep data lost+found)"))
	p.stop()
	p.spec.User = ""
	p.query(p.start(), "select count(*)::text from kept")
}

// blanks is k04: the data is further below the mount, in a directory with a blank in its name.
func blanks(p *postgres) {
	p.with(map[string]string{"PGDATA": "/var/lib/postgresql/one/two three"})
	exec(p.T, p.start(), "create table kept (id int)")
	assert.True(p, p.healthy())
	p.stop()
	p.query(p.start(), "select count(*)::text from kept")
}

func mountedAtData(p *postgres) {
	p.spec.Mounts[0].Target = "/var/lib/postgresql/data"
	p.start()
	assert.NotContains(p, p.logs(), "goes with it")
}

func anyUser(p *postgres) {
	p.spec.User = "12345:12345"
	delete(p.spec.Env, "POSTGRES_PASSWORD_FILE")
	for _, p.password = range []string{"pw-one", "pw-two"} {
		p.with(map[string]string{"POSTGRES_PASSWORD": p.password})
		p.start()
		assert.Equal(p, "12345", p.inside("stat", "-c", "%u", "/proc/1"))
		assert.True(p, p.healthy())
		p.stop()
	}
}

func rootStepsDown(p *postgres) {
	p.spec.User = "0"
	p.start()
	assert.Equal(p, "999:999", p.inside("stat", "-c", "%u:%g", "/proc/1"))
	assert.Contains(p, p.inside("grep", "^Groups:", "/proc/1/status"), "9999")
}

func readOnly(p *postgres) {
	p.spec.ReadOnly = true
	p.spec.Env["POSTGRES_PASSWORD"] = p.password // the engines copy no files into a read-only container
	delete(p.spec.Env, "POSTGRES_PASSWORD_FILE")
	if p.engine.Info().Kind == engine.Docker { // podman gives such a container a writable /run and /tmp by itself
		p.spec.Tmpfs = []engine.Tmpfs{{Path: "/run"}}
		code, log := p.fail()
		assert.Equal(p, 73, code)
		assert.Contains(p, log,
			"entrypoint: user 999 may not write to /run (owner 0:0, mode 755); mount a tmpfs with mode 1777 at /run/postgresql")
		assert.Equal(p, 1, strings.Count(log, "\n"), log)
		p.spec.User = "0"
		p.start()
		p.spec.User, p.spec.Tmpfs = "", []engine.Tmpfs{{Path: "/tmp"}, {Path: "/run/postgresql"}}
	}
	p.start()
}

// withoutRights is root without capabilities, which is not what people mean by root, and a data directory that is in
// memory and root's.
func withoutRights(p *postgres) {
	was := p.spec
	p.spec.User, p.spec.Entrypoint = "0", []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"}
	p.spec.Command = []string{"docker-entrypoint.sh", "postgres"}
	code, log := p.fail()
	assert.Equal(p, 77, code)
	assert.Equal(p,
		"entrypoint: root of this container may not become user postgres (capabilities SETUID and SETGID, see --cap-drop); "+
			"start it with --user postgres, or leave it these two\n", log)

	p.spec = was
	p.spec.Mounts, p.spec.Tmpfs = nil, []engine.Tmpfs{{Path: "/var/lib/postgresql/data"}}
	p.spec.Env["POSTGRES_PASSWORD"] = p.password
	delete(p.spec.Env, "POSTGRES_PASSWORD_FILE")
	if code, log := p.fail(); assert.Equal(p, 73, code, log) {
		assert.Contains(p, said(log), "/var/lib/postgresql/data/pgdata")
	}
	p.with(map[string]string{"PGDATA": "/var/lib/postgresql/data/pgdata"}).start()
}

func oneAtATime(p *postgres) {
	conn := p.start()
	second := *p
	second.id, second.spec.Name = "", p.spec.Name+"-second"
	defer second.remove(p.Context())
	code, log := second.fail()
	assert.Equal(p, 75, code)
	assert.Contains(p, said(log), "another container uses /var/lib/postgresql/data")
	assert.Equal(p, "1", p.query(conn, "select 1::text"))
}

func certificate(p *postgres) {
	first, second := certify(p), certify(p)
	for name, content := range first {
		p.spec.Files = append(p.spec.Files,
			engine.File{Path: "/etc/certs/" + name, Mode: 0o640, UID: 9999, GID: 9999, Content: content})
	}
	p.start()
	served := func() []byte {
		conn, err := p.dial(p.password, "require")
		require.NoError(p, err)
		defer conn.Close(p.Context())
		state, ok := tlsState(conn)
		require.True(p, ok)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: state.PeerCertificates[0].Raw})
	}
	assert.Equal(p, first["fullchain.pem"], served())
	assert.Equal(p, "600 999", p.inside("stat", "-c", "%a %u", "/run/postgresql/tls/privkey.pem"))

	var files []engine.File
	for name, content := range second {
		files = append(files, engine.File{Path: "/etc/certs/" + name, Mode: 0o640, UID: 9999, GID: 9999, Content: content})
	}
	require.NoError(p, p.engine.ContainerCopyTo(p.Context(), p.id, files))
	p.inside("reload-certificates")
	assert.Eventually(p, func() bool { return string(served()) == string(second["fullchain.pem"]) }, time.Minute,
		100*time.Millisecond)
}

// certify makes a key and its certificate.
func certify(p *postgres) map[string][]byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(p, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(p, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(p, err)
	return map[string][]byte{
		"fullchain.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		"privkey.pem":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}
