package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

const (
	nginxUID  int = 9997 // of the image, fixed
	certGroup int = 9999
)

// web is a container of a web server's image beside one of PostgreSQL's with the schema.
type web struct {
	*testing.T
	engine  *engine.Engine
	db      *postgres
	admin   *pgx.Conn
	spec    engine.ContainerSpec
	network string
	id      engine.ContainerID
	ports   []engine.Port // as they are published; nil before they are asked for
	pages   string        // where the files of a site are, which is %s
}

func newWeb(t *testing.T, e *engine.Engine) *web {
	t.Helper()
	w := newStage(t, e)
	w.pages = "/srv/www/%s"
	w.serve("nginx", nginxUID, map[string]string{"www": "/srv/www", "certs": "/etc/certs", "acme": "/srv/acme"})
	return w
}

// newStage has PostgreSQL with the schema, in a network of its own.
func newStage(t *testing.T, e *engine.Engine) *web {
	t.Helper()
	w := &web{T: t, engine: e, network: "webtest-" + strings.ToLower(rand.Text())}
	require.NoError(t,
		e.NetworkCreate(t.Context(), w.network, engine.NetworkOptions{Labels: container.DisposableLabels()}))
	t.Cleanup(func() { assert.NoError(t, e.NetworkRemove(context.WithoutCancel(t.Context()), w.network)) })
	w.db = newPostgres(t, e)
	w.db.spec.Network, w.db.spec.Aliases = w.network, []string{"postgres"}
	w.admin = w.db.start()
	w.schema()
	return w
}

// serve runs the image of a web server, with volumes at these paths beside that of its agent.
func (w *web) serve(name string, uid int, volumes map[string]string) {
	w.Helper()
	w.sql(`create role ` + name + `_web login password 'web-password' in role poststack_` + name)
	mounts := []engine.Mount{{Volume: w.volume(name + "-state"), Target: "/var/lib/poststack"}}
	for volume, path := range volumes {
		mounts = append(mounts, engine.Mount{Volume: w.volume(volume), Target: path})
	}
	w.spec = engine.ContainerSpec{
		Name: w.network + "-" + name, Image: engine.Ref("localhost/poststack/" + name + ":latest"),
		Labels:  container.DisposableLabels(),
		Network: w.network, Aliases: []string{name},
		Env: map[string]string{
			"PGHOST": "postgres", "PGUSER": name + "_web", "PGDATABASE": "app", "PGPASSFILE": "/etc/poststack-login/pgpass",
			"PGSSLMODE": "disable",
		},
		Files: []engine.File{{
			Path: "/etc/poststack-login/pgpass", Mode: 0o400, UID: uid, GID: uid, Content: []byte("*:*:*:*:web-password\n"),
		}},
		Mounts: mounts, ReadOnly: true, Tmpfs: []engine.Tmpfs{{Path: "/run/" + name, UID: uid, GID: uid, Mode: 0o700}},
		Confinement: engine.Confinement{Confined: true},
		Ports:       []engine.Port{{Container: 8080, HostIP: "127.0.0.1"}, {Container: 8443, HostIP: "127.0.0.1"}},
	}
	w.Cleanup(func() { w.remove() })
	w.create()
}

// volume makes a volume, unless another container of the test has it already.
func (w *web) volume(name string) string {
	w.Helper()
	volume := w.network + "-" + name
	if _, err := w.engine.VolumeInspect(w.Context(), volume); err == nil {
		return volume
	}
	require.NoError(w, w.engine.VolumeCreate(w.Context(), volume, container.DisposableLabels()))
	w.Cleanup(func() { assert.NoError(w, w.engine.VolumeRemove(context.WithoutCancel(w.Context()), volume)) })
	return volume
}

// schema makes the tables as their owner.
func (w *web) schema() {
	w.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "changelogs", "schema", "*.sql"))
	require.NoError(w, err)
	slices.Sort(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(w, err)
		_, err = w.admin.PgConn().Exec(w.Context(), string(text)).ReadAll()
		require.NoError(w, err, file)
	}
}

func (w *web) sql(text string, args ...any) {
	w.Helper()
	_, err := w.admin.Exec(w.Context(), text, args...)
	require.NoError(w, err, text)
}

func (w *web) remove() {
	if w.id != "" {
		assert.NoError(w, w.engine.ContainerRemove(context.WithoutCancel(w.Context()), w.id))
		w.id = ""
	}
}

func (w *web) create() {
	w.Helper()
	id, err := w.engine.ContainerCreate(w.Context(), w.spec)
	require.NoError(w, err)
	w.id = id
	w.start()
}

// start starts the container, which may get other ports then.
func (w *web) start() {
	w.Helper()
	w.ports = nil
	require.NoError(w, w.engine.ContainerStart(w.Context(), w.id))
}

// restart stops nginx and starts it again.
func (w *web) restart() {
	w.Helper()
	require.NoError(w, w.engine.ContainerStop(w.Context(), w.id, time.Minute))
	w.start()
}

// port is where a port of the container is published, and published the same for a protocol. The engine is asked once
// for each start: it is slow to answer.
func (w *web) port(inside uint16) uint16 { return w.published(inside, "") }

func (w *web) published(inside uint16, protocol string) uint16 {
	w.Helper()
	if w.ports == nil {
		c, err := w.engine.ContainerInspect(w.Context(), string(w.id))
		require.NoError(w, err)
		if c.State != engine.Running {
			return 0
		}
		w.ports = c.Ports
	}
	for _, p := range w.ports {
		if p.Container == inside && p.Protocol == protocol {
			return p.Host
		}
	}
	return 0
}

// hangUp has the agent look at all that the database tells nothing of.
func (w *web) hangUp() {
	w.Helper()
	require.NoError(w, w.engine.ContainerKill(w.Context(), w.id, "SIGHUP"))
}

// exec runs a command in the container, as root.
func (w *web) exec(command ...string) {
	w.Helper()
	out, err := w.engine.ContainerExec(w.Context(), w.id, engine.ExecSpec{Command: command, User: "0"})
	require.NoError(w, err)
	require.Zero(w, out.Code, out.Stderr)
}

// put puts files into the container's volumes.
func (w *web) put(files ...engine.File) {
	w.Helper()
	require.NoError(w, w.engine.ContainerCopyTo(w.Context(), w.id, files))
}

// page makes the one page of a site say its name.
func (w *web) page(name string) {
	w.Helper()
	w.put(engine.File{Path: fmt.Sprintf(w.pages, name) + "/index.html", Mode: 0o644, Content: []byte("this is " + name)})
}

// answer is what came back; a status of 0 is a connection that failed.
type answer struct {
	code        int
	body        string
	header      http.Header
	certificate *x509.Certificate
}

// ask asks once, on a new connection. sni "" sends none.
func (w *web) ask(scheme, sni, host, path string) answer {
	return w.askAs(scheme, sni, host, path, func(*http.Request) {})
}

// askAs is ask with a request that is changed before.
func (w *web) askAs(scheme, sni, host, path string, change func(*http.Request)) answer {
	port := w.port(map[string]uint16{"http": 8080, "https": 8443}[scheme])
	var a answer
	client := http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DisableKeepAlives: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
				conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port),
					&tls.Config{InsecureSkipVerify: true, ServerName: sni})
				if err == nil {
					a.certificate = conn.ConnectionState().PeerCertificates[0]
				}
				return conn, err
			},
		},
	}
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet,
		fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, port, path), http.NoBody)
	require.NoError(w, err)
	req.Host = host
	change(req)
	resp, err := client.Do(req)
	if err != nil {
		return a
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	a.code, a.body, a.header = resp.StatusCode, string(body), resp.Header
	return a
}

// site asks for the page of a site over TLS.
func (w *web) site(name string) answer { return w.ask("https", name, name, "/") }

// becomes waits until a site answers so, and the workers that answered otherwise have ended: for a tenth of a second
// both take connections.
func (w *web) becomes(name string, code int) (last answer) {
	w.Helper()
	alike := 0
	ok := assert.Eventually(w, func() bool {
		last = w.site(name)
		alike++
		if last.code != code {
			alike = 0
		}
		return alike == 12
	}, time.Minute, 5*time.Millisecond)
	require.True(w, ok, "%s gives %d, not %d; the container said:\n%s", name, last.code, code, w.logs())
	return last
}

// reaches waits for the first answer of that kind. A change that is not told is read minutes later.
func (w *web) reaches(name string, code int) (last answer) {
	w.Helper()
	ok := assert.Eventually(w, func() bool { last = w.site(name); return last.code == code }, time.Minute,
		10*time.Millisecond)
	require.True(w, ok, "%s gives %d, not %d; the container said:\n%s", name, last.code, code, w.logs())
	return last
}

// shows waits until the page of a site is that, and the workers that had another have ended: for a tenth of a second
// both take connections.
func (w *web) shows(name, page string) {
	w.Helper()
	alike := 0
	require.Eventually(w, func() bool {
		alike++
		if w.site(name).body != page {
			alike = 0
		}
		return alike == 12
	}, time.Minute, 5*time.Millisecond)
}

func (w *web) logs() string {
	w.Helper()
	var out bytes.Buffer
	require.NoError(w, w.engine.ContainerLogs(w.Context(), w.id, engine.LogOptions{Tail: 60}, &out, &out))
	return out.String()
}

// status is what the agent tells.
func (w *web) status() status.Status {
	w.Helper()
	out, err := w.engine.ContainerExec(w.Context(), w.id, engine.ExecSpec{Command: []string{"agent", "status"}})
	require.NoError(w, err)
	var s status.Status
	require.NoError(w, json.Unmarshal([]byte(out.Stdout), &s), "%s%s", out.Stdout, out.Stderr)
	return s
}

func (w *web) tells(is func(status.Status) bool) (s status.Status) {
	w.Helper()
	ok := assert.Eventually(w, func() bool { s = w.status(); return is(s) }, time.Minute, 100*time.Millisecond)
	require.True(w, ok, "%+v", s)
	return s
}

// killDaemon kills the daemon once it has come up, and waits until there is another in the same container.
func (w *web) killDaemon() {
	w.Helper()
	before, err := w.engine.ContainerInspect(w.Context(), string(w.id))
	require.NoError(w, err)
	require.Eventually(w, func() bool { return time.Since(before.Started) > 6*time.Second }, time.Minute,
		100*time.Millisecond)
	was := w.status().PID
	out, err := w.engine.ContainerExec(
		w.Context(),
		w.id,
		engine.ExecSpec{Command: []string{"sh", "-c", fmt.Sprintf("kill -KILL %d", was)}},
	)
	require.NoError(w, err)
	require.Zero(w, out.Code, out.Stderr)
	w.tells(func(s status.Status) bool { return s.State == status.Serving && s.PID != was })
	after, err := w.engine.ContainerInspect(w.Context(), string(w.id))
	require.NoError(w, err)
	assert.Equal(w, before.Started, after.Started)
	assert.Equal(w, before.Addresses, after.Addresses)
}

func (w *web) domain(names ...string) {
	w.Helper()
	for _, name := range names {
		w.sql(`insert into domains (name, serves_web) values ($1, true)`, name)
	}
}

func TestNginx(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, enginetest.Open(t, kind))
			for _, step := range []struct {
				name string
				test func(*web)
			}{
				{"serves a site for each domain", (*web).servesDomains},
				{"shows nobody another's page or certificate", (*web).keepsNamesApart},
				{"serves the others when a row is bad", (*web).leavesOutBadRows},
				{"does as the settings say", (*web).readsSettings},
				{"keeps what is no page to itself", (*web).keepsFiles},
				{"takes certificates as they come and go", (*web).takesCertificates},
				{"hands on to a backend that comes and goes", (*web).handsOn},
				{"has names of every length, and many of them", (*web).hasManyNames},
				{"reloads a few times for many changes", (*web).gathersChanges},
				{"listens again after it was cut off", (*web).listensAgain},
				{"outlives the database", (*web).outlivesDatabase},
				{"ends without dropping an answer", (*web).endsInOrder},
			} {
				ok := t.Run(step.name, func(t *testing.T) {
					w.T = t
					step.test(w)
				})
				w.T = t
				if !ok {
					break
				}
			}
		})
	}
}

func (w *web) servesDomains() {
	w.becomes("a.example.org", http.StatusMisdirectedRequest)
	w.domain("a.example.org")
	w.page("a.example.org")
	assert.Equal(w, "this is a.example.org", w.becomes("a.example.org", http.StatusOK).body)
	plain := w.ask("http", "", "a.example.org", "/x?y=1")
	assert.Equal(w, http.StatusMovedPermanently, plain.code)
	assert.Equal(w, "https://a.example.org/x?y=1", plain.header.Get("Location"))
	w.put(engine.File{
		Path: "/srv/acme/.well-known/acme-challenge/token", Mode: 0o644,
		UID: certGroup, GID: certGroup, Content: []byte("proof"),
	})
	for _, name := range []string{"a.example.org", "mail.example.org"} {
		assert.Equal(w, "proof", w.ask("http", "", name, "/.well-known/acme-challenge/token").body)
	}
	begun := time.Now()
	w.sql(`update domains set enabled = false where name = 'a.example.org'`)
	w.becomes("a.example.org", http.StatusMisdirectedRequest)
	assert.Less(w, time.Since(begun), time.Minute)
	w.sql(`update domains set enabled = true`)
	w.becomes("a.example.org", http.StatusOK)
}

func (w *web) keepsNamesApart() {
	w.domain("zzz.example.org")
	w.page("zzz.example.org")
	w.becomes("zzz.example.org", http.StatusOK)
	w.certificate("a", 1, "a.example.org")
	w.sql(`insert into certificates (domain_id, names, directory) select id, '{a.example.org}', 'a' from domains
		where name = 'a.example.org'`)
	require.Eventually(w, func() bool {
		return slices.Equal(w.site("a.example.org").certificate.DNSNames, []string{"a.example.org"})
	}, time.Minute, 20*time.Millisecond)
	w.strangers()
	w.domain("aaa.example.org") // sorts first
	w.becomes("aaa.example.org", http.StatusNotFound)
	w.strangers()
	w.restart()
	w.becomes("a.example.org", http.StatusOK)
	w.strangers()
}

// strangers asks for names that nobody has here, and for one name over a connection of another.
func (w *web) strangers() {
	w.Helper()
	for _, tc := range []struct {
		sni, host string
		code      int
	}{
		{"off.example.org", "off.example.org", 421},
		{"unknown.example.net", "unknown.example.net", 421},
		{"", "127.0.0.1", 421},
		{"", "a.example.org", 421},
		{"a.example.org", "zzz.example.org", 421},
		{"zzz.example.org", "a.example.org", 421},
		{"a.example.org", "unknown.example.net", 421},
		{"zzz.example.org", "zzz.example.org", 200},
		{"A.Example.ORG", "a.example.ORG", 200},
		{"zzz.example.org", "zzz.example.org.:8443", 200},
	} {
		got := w.ask("https", tc.sni, tc.host, "/")
		assert.Equal(w, tc.code, got.code, "SNI %q, host %q", tc.sni, tc.host)
		if !strings.EqualFold(tc.sni, "a.example.org") {
			assert.Equal(w, []string{pair.StandInName}, got.certificate.DNSNames, "SNI %q gets a certificate of nobody", tc.sni)
		}
	}
	for _, host := range []string{"off.example.org", "unknown.example.net", "127.0.0.1"} {
		assert.Equal(w, http.StatusNotFound, w.ask("http", "", host, "/").code, host)
	}
}

func (w *web) leavesOutBadRows() {
	for name, root := range map[string]string{
		"etc.example.org": "/etc", "up.example.org": "/srv", "proc.example.org": "/proc/1",
		"inject.example.org": "/srv/www/x\"; } server { listen 9999; } #", "line.example.org": "/srv/www/x\nautoindex on;",
		"dollar.example.org": "/srv/www/$http_x",
	} {
		w.sql(`insert into domains (name, serves_web, web_root) values ($1, true, $2)`, name, root)
	}
	s := w.tells(func(s status.Status) bool { return len(s.LeftOut) == 4 })
	assert.Equal(w, "etc.example.org", s.LeftOut[0].Key)
	assert.Contains(w, s.LeftOut[0].Error, `"/etc" is not below /srv or /var/www`)
	assert.Equal(w, []string{"etc.example.org", "line.example.org", "proc.example.org", "up.example.org"},
		[]string{s.LeftOut[0].Key, s.LeftOut[1].Key, s.LeftOut[2].Key, s.LeftOut[3].Key})
	w.becomes("inject.example.org", http.StatusNotFound)
	w.becomes("a.example.org", http.StatusOK)
	w.sql(`update domains set web_root = '/etc' where name = 'zzz.example.org'`)
	s = w.tells(func(s status.Status) bool { return len(s.LeftOut) == 5 })
	assert.True(w, s.LeftOut[4].Kept)
	assert.Equal(w, http.StatusOK, w.site("zzz.example.org").code, "it is served as it was")
	w.sql(`update domains set web_root = null where name = 'zzz.example.org'`)
	w.sql(`delete from domains where web_root is not null`)
	w.tells(func(s status.Status) bool { return len(s.LeftOut) == 0 })
}

// keepsFiles asks for what a site's directory has, and its visitors are not to see.
func (w *web) keepsFiles() {
	w.exec("sh", "-c",
		"cd /srv/www/a.example.org && ln -s /etc/certs/a/privkey.pem key && ln -s /run/nginx/startup/privkey.pem own"+
			" && mkdir -p .git .well-known releases/2 && echo kept >.git/config && echo 1 >.env"+
			" && touch m.mjs m.webmanifest && echo told >.well-known/security.txt"+
			" && echo new >releases/2/page && ln -s releases/2 latest")
	w.sql(`insert into settings (service, key, value) values ('nginx', 'index', '{"a.example.org": ["index.html"]}')`)
	for _, own := range []bool{true, false} { // with a server of its own, and with that of all
		w.becomes("a.example.org", http.StatusOK)
		for path, want := range map[string]int{
			"/key": 403, "/own": 403, "/.git/config": 404, "/.env": 404, "/latest/page": 200, "/.well-known/security.txt": 200,
		} {
			assert.Equal(w, want, w.ask("https", "a.example.org", "a.example.org", path).code, path)
		}
		for name, want := range map[string]string{"m.mjs": "text/javascript", "m.webmanifest": "application/manifest+json"} {
			got := w.ask("https", "a.example.org", "a.example.org", "/"+name)
			assert.Equal(w, want, strings.Split(got.header.Get("Content-Type"), ";")[0], name)
		}
		// whatever port a client came by
		assert.Equal(w, "/releases/?x=1",
			w.ask("https", "a.example.org", "a.example.org", "/releases?x=1").header.Get("Location"))
		if own {
			before := w.status().Reloads
			w.sql(`delete from settings`)
			w.tells(func(s status.Status) bool { return s.Reloads > before })
		}
	}
}

func (w *web) readsSettings() {
	w.put(engine.File{Path: "/srv/www/a.example.org/start.txt", Mode: 0o644, Content: []byte("started")})
	w.sql(`insert into settings (service, key, value) values
		(null, 'hsts', '10'), ('nginx', 'hsts', '{"a.example.org": 600}'),
		('nginx', 'index', '{"a.example.org": ["start.txt"]}'),
		('nginx', 'redirect', '{"a.example.org": false}')`)
	w.shows("a.example.org", "started")
	assert.Equal(w, "max-age=600", w.site("a.example.org").header.Get("Strict-Transport-Security"))
	assert.Empty(w, w.site("zzz.example.org").header.Get("Strict-Transport-Security"))
	assert.Equal(w, "started", w.ask("http", "", "a.example.org", "/").body)
	assert.Equal(w, http.StatusMovedPermanently, w.ask("http", "", "zzz.example.org", "/").code)
	for _, name := range []string{"a.example.org", "zzz.example.org"} { // with a server of its own, and with that of all
		conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.port(8443)), &tls.Config{
			InsecureSkipVerify: true, ServerName: name, NextProtos: []string{"h2", "http/1.1"},
		})
		require.NoError(w, err)
		assert.Equal(w, "h2", conn.ConnectionState().NegotiatedProtocol, name)
		require.NoError(w, conn.Close())
	}

	w.sql(`update settings set value = '"1; } evil"' where service = 'nginx' and key = 'hsts'`)
	s := w.tells(func(s status.Status) bool { return len(s.LeftOut) == 1 })
	assert.Equal(w, "settings hsts kept=true",
		fmt.Sprintf("%s %s kept=%t", s.LeftOut[0].Query, s.LeftOut[0].Key, s.LeftOut[0].Kept))
	assert.Equal(w, "max-age=600", w.site("a.example.org").header.Get("Strict-Transport-Security"))
	w.sql(`insert into settings (service, key, value) values ('nginx', 'upsteam', '"backend"'),
		(null, 'of_another', '{"A": 1}')`)
	s = w.tells(func(s status.Status) bool { return len(s.LeftOut) == 2 })
	assert.Contains(w, s.LeftOut[1].Error, "nginx has no setting of that name; known are hsts, redirect, index, upstream")
	w.sql(`delete from settings`)
	w.shows("a.example.org", "this is a.example.org")
	w.tells(func(s status.Status) bool { return len(s.LeftOut) == 0 })
}

// certificate puts a pair into a directory of the certificates.
func (w *web) certificate(dir string, serial int64, names ...string) {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(w, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(w, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(w, err)
	w.put(
		engine.File{
			Path: "/etc/certs/" + dir + "/fullchain.pem", Mode: 0o644, UID: certGroup, GID: certGroup,
			Content: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		},
		engine.File{
			Path: "/etc/certs/" + dir + "/privkey.pem", Mode: 0o640, UID: certGroup, GID: certGroup,
			Content: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		},
	)
}

// serves waits until a site has the certificate of that number; 0 is the one that stands in.
func (w *web) serves(name string, serial int64) {
	w.Helper()
	var got *x509.Certificate
	ok := assert.Eventually(w, func() bool {
		got = w.site(name).certificate
		return got != nil && (got.SerialNumber.Cmp(big.NewInt(serial)) == 0 ||
			serial == 0 && slices.Equal(got.DNSNames, []string{pair.StandInName}))
	}, time.Minute, 50*time.Millisecond)
	require.True(w, ok, "%s has %v, not %d", name, got, serial)
}

func (w *web) takesCertificates() {
	before := w.status().Reloads
	w.certificate("a", 2, "a.example.org")
	w.serves("a.example.org", 2)
	assert.Equal(w, before, w.status().Reloads, "a renewed pair needs no reload")

	w.domain("www.example.org", "fizz.buzz.example.org", "another-example.org")
	w.certificate("wild", 3, "example.org", "*.example.org")
	w.certificate("www", 4, "www.example.org")
	w.sql(`insert into certificates (domain_id, names, directory, challenge)
		select id, '{example.org,*.example.org}', 'wild', 'dns-01' from domains where name = 'www.example.org'`)
	w.serves("zzz.example.org", 3)
	w.sql(`insert into certificates (domain_id, names, directory) select id, '{www.example.org}', 'www' from domains
		where name = 'www.example.org'`)
	w.serves("www.example.org", 4)
	w.serves("fizz.buzz.example.org", 0)
	w.serves("another-example.org", 0)

	w.certificate("other", 5, "www.example.org")
	key, err := w.engine.ContainerFile(w.Context(), w.id, "/etc/certs/other/privkey.pem")
	require.NoError(w, err)
	w.put(engine.File{Path: "/etc/certs/www/privkey.pem", Mode: 0o640, UID: certGroup, GID: certGroup, Content: key})
	w.hangUp()                     // it looks every half minute by itself
	w.serves("www.example.org", 3) // its own does not fit its key: the wildcard is next
	w.tells(func(s status.Status) bool {
		return len(s.Warnings) == 1 && strings.Contains(s.Warnings[0], "private key does not match")
	})
	w.sql(`delete from certificates where directory in ('wild', 'www')`)
	w.serves("www.example.org", 0)
	w.serves("a.example.org", 2)
	w.sql(`update certificates set status = 'revoked'`)
	w.serves("a.example.org", 0)
}

// backend is a web server that says what it was asked, and with how large a body. It has more to say in its header
// than nginx would take without a setting, and leads /dir to its own name as a server does that knows of no TLS.
const backend = `import http.server as s
class H(s.BaseHTTPRequestHandler):
  def do_GET(self):
    n = len(self.rfile.read(int(self.headers['Content-Length'] or 0)))
    b = ' '.join([self.headers['Host'], self.headers['X-Forwarded-Proto'], str(n), self.path]).encode()
    self.send_response(301 if self.path == '/dir' else 200)
    self.send_header('Location', 'http://' + self.headers['Host'] + self.path + '/')
    for k in ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'X-Forwarded-Port', 'Proxy', 'Upgrade', 'Connection']:
      self.send_header('Was-' + k, str(self.headers[k]))
    self.send_header('Cookie', 'a' * 9000)
    self.send_header('Content-Length', str(len(b))); self.end_headers(); self.wfile.write(b)
  do_POST = do_GET
s.HTTPServer(('', 8080), H).serve_forever()`

// tellsBackend asks the backend of a.example.org for all that goes wrong with a proxy that does as nginx does without
// settings.
func (w *web) tellsBackend() {
	w.Helper()
	for range 20 { // a name server that knows nobody here would be asked half of the time
		require.Equal(w, http.StatusOK, w.site("a.example.org").code)
	}
	got := w.askAs("https", "a.example.org", "a.example.org:8443", "/dir", func(r *http.Request) {
		for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Port", "Proxy"} {
			r.Header.Set(name, "192.0.2.9")
		}
	})
	assert.Equal(w, "https://a.example.org:8443/dir/", got.header.Get("Location"))
	assert.Equal(w, "a.example.org:8443 https 0 /dir", got.body)
	for _, name := range []string{"Forwarded", "X-Forwarded-Port", "Proxy"} {
		assert.Equal(w, "None", got.header.Get("Was-"+name), name)
	}
	for _, name := range []string{"X-Forwarded-For", "X-Real-IP"} {
		assert.NotContains(w, got.header.Get("Was-"+name), "192.0.2.9", "what a client says of itself")
		assert.NotContains(w, got.header.Get("Was-"+name), ":", "an address of IPv4 is written as one")
	}
	for _, protocol := range []string{"WebSocket", "h2c"} {
		got := w.askAs("https", "a.example.org", "a.example.org", "/", func(r *http.Request) {
			r.Header.Set("Upgrade", protocol)
			r.Header.Set("Connection", "Upgrade, HTTP2-Settings")
		})
		wanted := [2]string{"WebSocket", "upgrade"}
		if protocol == "h2c" {
			wanted = [2]string{"None", "None"}
		}
		assert.Equal(w, wanted, [2]string{got.header.Get("Was-Upgrade"), got.header.Get("Was-Connection")})
	}
	const large = 3 << 20
	got = w.askAs("https", "a.example.org", "a.example.org", "/", func(r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(bytes.NewReader(make([]byte, large))), large
	})
	assert.Equal(w, fmt.Sprintf("a.example.org https %d /", large), got.body)
}

// leadsBack has requests handed on to nginx itself, which would hand them on again.
func (w *web) leadsBack() {
	w.Helper()
	w.sql(`insert into settings (service, key, value) values ('nginx', 'redirect', '{"www.example.org": false}')`)
	for itself, want := range map[string]int{
		"localhost": http.StatusBadGateway, // nginx asks a name server
		"127.0.0.1": http.StatusLoopDetected,
		"nginx":     http.StatusLoopDetected,
	} {
		w.sql(`update settings set value = jsonb_build_object('www.example.org', 'http://' || $1::text || ':8080')
			where key = 'upstream'`, itself)
		assert.EventuallyWithT(w, func(c *assert.CollectT) {
			assert.Equal(c, want, w.ask("http", "", "www.example.org", "/").code, itself)
		}, time.Minute, 20*time.Millisecond)
		w.hangUp()
		w.tells(func(s status.Status) bool {
			return len(s.Warnings) == 1 &&
				strings.Contains(s.Warnings[0], itself+`", which requests are handed on to, is this container itself`)
		})
	}
	w.leadsBackThroughAnother()
	w.sql(`delete from settings where key = 'redirect'`)
}

// forwarder hands connections on to nginx, as a router does that leads a public address back. It ends a circle that
// nobody else ends.
const forwarder = `import socket as s, threading as t
def pump(a, b):
  while d := a.recv(65536): b.sendall(d)
  b.shutdown(s.SHUT_WR)
l = s.create_server(('', 8080))
for _ in range(99):
  a = l.accept()[0]; b = s.create_connection(('nginx', 8080))
  t.Thread(target=pump, args=(a, b), daemon=True).start(); t.Thread(target=pump, args=(b, a), daemon=True).start()`

func (w *web) leadsBackThroughAnother() {
	w.Helper()
	id, err := w.engine.ContainerCreate(w.Context(), engine.ContainerSpec{
		Image: "localhost/poststack/base-debian:latest", Labels: container.DisposableLabels(), Network: w.network,
		Aliases: []string{"around"}, Command: []string{"python3", "-c", forwarder},
	})
	require.NoError(w, err)
	w.Cleanup(func() { assert.NoError(w, w.engine.ContainerRemove(context.WithoutCancel(w.Context()), id)) })
	require.NoError(w, w.engine.ContainerStart(w.Context(), id))
	before := w.status().Reloads
	w.sql(`update settings set value = '{"www.example.org": "http://around:8080"}' where key = 'upstream'`)
	w.tells(func(s status.Status) bool { return s.Reloads > before })
	for range 12 { // workers with another upstream may take the first ones
		assert.Equal(w, http.StatusLoopDetected, w.ask("http", "", "www.example.org", "/").code)
	}
}

func (w *web) handsOn() {
	w.sql(`insert into settings (service, key, value) values ('nginx', 'upstream',
		'{"a.example.org": "backend", "www.example.org": "http://nowhere.example.net:81"}')`)
	w.becomes("a.example.org", http.StatusBadGateway)
	w.becomes("www.example.org", http.StatusBadGateway)
	assert.Equal(w, http.StatusOK, w.site("zzz.example.org").code)
	w.hangUp() // it looks every half minute by itself
	s := w.tells(func(s status.Status) bool { return len(s.Warnings) == 2 })
	assert.Contains(w, s.Warnings[1], `host "nowhere.example.net", which requests are handed on to, has no address`)
	w.leadsBack()
	w.sql(`update settings set value = '{"a.example.org": "backend"}' where key = 'upstream'`)
	w.restart()
	w.becomes("zzz.example.org", http.StatusOK)
	for range 2 { // the second one has another address
		id, err := w.engine.ContainerCreate(w.Context(), engine.ContainerSpec{
			Image: "localhost/poststack/base-debian:latest", Labels: container.DisposableLabels(), Network: w.network,
			Aliases: []string{"backend"},
			Command: []string{"python3", "-c", backend},
		})
		require.NoError(w, err)
		require.NoError(w, w.engine.ContainerStart(w.Context(), id))
		assert.Equal(w, "a.example.org https 0 /", w.becomes("a.example.org", http.StatusOK).body)
		w.tellsBackend()
		require.NoError(w, w.engine.ContainerRemove(w.Context(), id))
		filler, err := w.engine.ContainerCreate(w.Context(), engine.ContainerSpec{
			Image: "localhost/poststack/base-debian:latest", Labels: container.DisposableLabels(), Network: w.network,
			Command: []string{"sleep", "infinity"},
		})
		require.NoError(w, err)
		require.NoError(w, w.engine.ContainerStart(w.Context(), filler))
		w.Cleanup(func() { assert.NoError(w, w.engine.ContainerRemove(context.WithoutCancel(w.Context()), filler)) })
	}
	w.sql(`delete from settings`)
	w.becomes("a.example.org", http.StatusOK)
}

func (w *web) hasManyNames() {
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." +
		strings.Repeat("d", 49) + ".example.org"
	require.Len(w, long, 253)
	w.domain(long)
	w.sql(`insert into domains (name, serves_web) select 'n' || i || '.example.net', true from generate_series(1, 800) i`)
	for _, name := range []string{long, "n1.example.net", "n800.example.net"} {
		w.becomes(name, http.StatusNotFound)
	}
	assert.Equal(w, http.StatusOK, w.site("a.example.org").code)
	w.sql(`delete from domains where name like 'n%.example.net' or name = $1`, long)
	w.becomes("n1.example.net", http.StatusMisdirectedRequest)
}

func (w *web) gathersChanges() {
	before := w.status().Reloads
	for i := range 300 {
		w.domain(fmt.Sprintf("b%d.example.net", i))
	}
	w.becomes("b299.example.net", http.StatusNotFound)
	for _, i := range []int{0, 150, 298} {
		w.becomes(fmt.Sprintf("b%d.example.net", i), http.StatusNotFound)
	}
	last := w.status()
	assert.LessOrEqual(w, last.Reloads-before, 20, "of 300 changes")
	w.sql(`update domains set enabled = enabled`)
	again := w.tells(func(s status.Status) bool { return s.LastRead.After(*last.LastRead) })
	assert.Equal(w, last.Reloads, again.Reloads, "nothing has changed")
	w.sql(`delete from domains where name like 'b%'`)
	w.becomes("b299.example.net", http.StatusMisdirectedRequest)
}

func (w *web) listensAgain() {
	for i := range enginetest.Rounds(w, 5) {
		w.sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'nginx_web'`)
		name := fmt.Sprintf("cut%d.example.net", i)
		w.domain(name)
		w.reaches(name, http.StatusNotFound)
	}
	for i := range enginetest.Rounds(w, 3) { // a change while it starts
		restarted := make(chan error, 1)
		go func() {
			err := w.engine.ContainerStop(w.Context(), w.id, time.Minute)
			if err == nil {
				err = w.engine.ContainerStart(w.Context(), w.id)
			}
			restarted <- err
		}()
		time.Sleep(time.Duration(mathrand.IntN(3000)) * time.Millisecond) // any moment of it
		name := fmt.Sprintf("started%d.example.net", i)
		w.domain(name)
		require.NoError(w, <-restarted)
		w.ports = nil
		w.reaches(name, http.StatusNotFound)
	}
}

func (w *web) outlivesDatabase() {
	require.NoError(w, w.engine.ContainerStop(w.Context(), w.db.id, time.Minute))
	s := w.tells(func(s status.Status) bool { return !s.Connected })
	assert.Equal(w, "database", s.LastError.What)
	assert.NotContains(w, s.LastError.Text, "web-password")
	assert.Equal(w, http.StatusOK, w.site("a.example.org").code)
	w.killDaemon()
	w.becomes("a.example.org", http.StatusOK)
	w.restart()
	w.becomes("a.example.org", http.StatusOK)
	assert.Equal(w, status.Kept, w.status().Rows)
	out, err := w.engine.ContainerExec(w.Context(), w.id, engine.ExecSpec{Command: []string{"agent", "health"}})
	require.NoError(w, err)
	assert.Zero(w, out.Code, out.Stderr)
	assert.Contains(w, out.Stdout, "the database is away since")

	require.NoError(w, w.engine.ContainerStart(w.Context(), w.db.id))
	w.db.T = w.T
	w.admin = w.db.login(w.db.password)
	w.domain("back.example.net")
	w.reaches("back.example.net", http.StatusNotFound)
	w.tells(func(s status.Status) bool { return s.Connected && s.LastError == nil && s.Rows == status.Database })

	w.sql(`begin`)
	w.sql(`lock table domains in access exclusive mode`) // as a migration does
	w.restart()
	w.becomes("back.example.net", http.StatusNotFound)
	w.sql(`rollback`)
}

func (w *web) endsInOrder() {
	const size = 20 << 20 // more than the sockets hold
	w.put(engine.File{
		Path: fmt.Sprintf(w.pages, "a.example.org") + "/big", Mode: 0o644, Content: bytes.Repeat([]byte("x"), size),
	})
	for _, signal := range []string{"SIGWINCH", "SIGHUP"} {
		require.NoError(w, w.engine.ContainerKill(w.Context(), w.id, signal))
	}
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.port(8443)),
		&tls.Config{InsecureSkipVerify: true, ServerName: "a.example.org"})
	require.NoError(w, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /big HTTP/1.1\r\nHost: a.example.org\r\n\r\n")
	require.NoError(w, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(w, err)
	defer resp.Body.Close()
	require.Equal(w, http.StatusOK, resp.StatusCode)
	ended := make(chan error, 1)
	go func() { ended <- w.engine.ContainerStop(context.WithoutCancel(w.Context()), w.id, 40*time.Second) }()
	require.Eventually(w, func() bool { return w.site("a.example.org").code == 0 }, time.Minute, 20*time.Millisecond,
		"it takes no new connection")
	n, err := io.Copy(io.Discard, resp.Body)
	require.NoError(w, err)
	assert.EqualValues(w, size, n)
	require.NoError(w, <-ended)
	c, err := w.engine.ContainerInspect(w.Context(), string(w.id))
	require.NoError(w, err)
	assert.Zero(w, c.ExitCode)
	for range 3 {
		w.start()
		w.becomes("a.example.org", http.StatusOK)
		require.NoError(w, w.engine.ContainerKill(w.Context(), w.id, "SIGKILL"))
		_, err := w.engine.ContainerWait(w.Context(), w.id)
		require.NoError(w, err)
	}
}
