package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

const apacheUID = 9994 // of the image, fixed

// app is a container of Apache's image, and one of nginx's in front of it.
type app struct {
	*web
	front *web
}

func TestApache(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a := &app{web: newStage(t, enginetest.Open(t, kind))}
			a.pages = "/srv/apps/%s/public"
			a.serve("apache", apacheUID,
				map[string]string{"apps": "/srv/apps", "www": "/srv/www", "certs": "/etc/certs", "acme": "/srv/acme"})
			for _, step := range []struct {
				name string
				test func(*app)
			}{
				{"serves a site for each domain", (*app).servesDomains},
				{"shows nobody another's page or certificate", (*app).keepsNamesApart},
				{"shows no file that is not meant to be shown", (*app).hidesFiles},
				{"serves the others when a row is bad", (*app).leavesOutBadRows},
				{"lets those in who have a password here", (*app).protects},
				{"reads one account at a time", (*app).knowsLittle},
				{"runs the programs of a site that may have some", (*app).runsPrograms},
				{"answers behind nginx", (*app).answersBehindNginx},
				{"takes certificates as they come and go", (*app).takesCertificates},
				{"cuts no answer when it reloads", (*app).reloadsWhole},
				{"has names of every length, and many of them", (*app).hasManyNames},
				{"outlives the database", (*app).outlivesDatabase},
				{"ends without dropping an answer", (*app).endsInOrder},
			} {
				ok := t.Run(step.name, func(t *testing.T) {
					a.T = t
					if a.front != nil {
						a.front.T = t
					}
					step.test(a)
				})
				a.T = t
				if !ok {
					t.Log(a.logs())
					break
				}
			}
		})
	}
}

// file puts a file of a site where Apache looks for it.
func (a *app) file(site, path, content string, mode int64) {
	a.Helper()
	a.put(engine.File{Path: "/srv/apps/" + site + "/" + path, Mode: mode, Content: []byte(content)})
}

// login asks for a path of a site over TLS, as somebody; "" is nobody.
func (a *app) login(site, path, user, password string) answer {
	return a.askAs("https", site, site, path, func(r *http.Request) {
		if user != "" {
			r.SetBasicAuth(user, password)
		}
	})
}

// account makes one with a hash of that password.
func (a *app) account(local, domain, hash string) {
	a.Helper()
	a.sql(`insert into accounts (domain_id, local_part, password_hash) select id, $1, $2 from domains where name = $3`,
		local, hash, domain)
}

func blowfish(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	return "$2y$" + strings.TrimPrefix(string(hash), "$2a$")
}

func (a *app) servesDomains() {
	a.becomes("a.example.org", http.StatusMisdirectedRequest)
	a.domain("a.example.org")
	a.file("a.example.org", "public/index.html", "this is a.example.org", 0o644)
	assert.Equal(a, "this is a.example.org", a.becomes("a.example.org", http.StatusOK).body)
	plain := a.ask("http", "", "a.example.org", "/x?y=1")
	assert.Equal(a, http.StatusMovedPermanently, plain.code)
	assert.Equal(a, "https://a.example.org/x?y=1", plain.header.Get("Location"))
	assert.Equal(a, "https://a.example.org/a%3Fb%26%20c?d=%20",
		a.ask("http", "", "a.example.org", "/a%3Fb%26%20c?d=%20").header.Get("Location"), "as it was written")
	assert.Equal(a, "https://a.example.org:8443/", a.ask("http", "", "a.example.org:8081", "/").header.Get("Location"))
	a.put(engine.File{
		Path: "/srv/acme/.well-known/acme-challenge/token", Mode: 0o644,
		UID: certGroup, GID: certGroup, Content: []byte("proof"),
	})
	for _, name := range []string{"a.example.org", "mail.example.org"} {
		assert.Equal(a, "proof", a.ask("http", "", name, "/.well-known/acme-challenge/token").body)
	}
	begun := time.Now()
	a.sql(`update domains set enabled = false where name = 'a.example.org'`)
	a.becomes("a.example.org", http.StatusMisdirectedRequest)
	assert.Less(a, time.Since(begun), time.Minute)
	a.sql(`update domains set enabled = true`)
	a.becomes("a.example.org", http.StatusOK)
	a.put(engine.File{Path: "/srv/www/shop/index.html", Mode: 0o644, Content: []byte("from another volume")})
	a.sql(`insert into domains (name, serves_web, web_root) values ('www.example.org', true, '/srv/www/shop')`)
	assert.Equal(a, "from another volume", a.becomes("www.example.org", http.StatusOK).body)
}

func (a *app) keepsNamesApart() {
	a.domain("zzz.example.org")
	a.file("zzz.example.org", "public/index.html", "this is zzz", 0o644)
	a.becomes("zzz.example.org", http.StatusOK)
	a.web.certificate("a", 1, "a.example.org")
	a.sql(`insert into certificates (domain_id, names, directory) select id, '{a.example.org}', 'a' from domains
		where name = 'a.example.org'`)
	a.serves("a.example.org", 1)
	a.strangers()
	a.domain("aaa.example.org") // sorts first
	a.becomes("aaa.example.org", http.StatusNotFound)
	a.strangers()
	a.restart()
	a.becomes("a.example.org", http.StatusOK)
	a.strangers()
}

func (a *app) hidesFiles() {
	const site = "a.example.org"
	a.file(site, "public/.git/config", "secret", 0o644)
	a.file(site, "public/.htaccess", "Options +Indexes\nRewriteEngine On\nRewriteRule . - [F]\n", 0o644)
	a.file(site, "public/empty/x.txt", "x", 0o644)
	a.file(site, "public/script.cgi", "#!/bin/sh\necho run", 0o755)
	a.exec("ln", "-s", "/etc/poststack-login/pgpass", "/srv/apps/"+site+"/public/login")
	a.exec("ln", "-s", "empty/x.txt", "/srv/apps/"+site+"/public/link")
	for path, code := range map[string]int{
		"/.git/config": 404, "/.htaccess": 404, "/.well-known/none": 404, "/empty/": 404, "/empty/x.txt": 200, "/login": 403,
		"/link":                     200,
		"/%2e%2e/%2e%2e/etc/passwd": 400, "/cgi-bin/x": 404, "/public/": 404, "/.poststack/health": 200,
	} {
		assert.Equal(a, code, a.ask("https", site, site, path).code, path)
	}
	assert.Contains(a, a.ask("https", site, site, "/script.cgi").body, "echo run", "it is a file like others")
	got := a.site(site)
	assert.Equal(a, "Apache", got.header.Get("Server"))
	assert.Equal(a, http.StatusMethodNotAllowed,
		a.askAs("https", site, site, "/", func(r *http.Request) { r.Method = http.MethodTrace }).code)
	missing := a.ask("https", site, site, "/none")
	assert.NotRegexp(a, `Apache|Debian|OpenSSL`, missing.body)
}

func (a *app) leavesOutBadRows() {
	for name, root := range map[string]string{
		"etc.example.org": "/etc", "up.example.org": "/srv", "line.example.org": "/srv/www/x\nOptions Indexes",
		"inject.example.org": "/srv/www/x\"\\ > # %0 ${PGPASSFILE}", "env.example.org": "/srv/www/${HTTPS_PORT}",
	} {
		a.sql(`insert into domains (name, serves_web, web_root) values ($1, true, $2)`, name, root)
	}
	s := a.tells(func(s status.Status) bool { return len(s.LeftOut) == 3 })
	assert.Equal(a, "etc.example.org", s.LeftOut[0].Key)
	assert.Contains(a, s.LeftOut[0].Error, `"/etc" is not below /srv or /var/www`)
	a.becomes("inject.example.org", http.StatusNotFound)
	a.put(engine.File{Path: "/srv/www/${HTTPS_PORT}/index.html", Mode: 0o644, Content: []byte("taken as it is")})
	assert.Equal(a, "taken as it is", a.becomes("env.example.org", http.StatusOK).body)
	a.becomes("a.example.org", http.StatusOK)
	a.sql(`delete from domains where web_root is not null and name <> 'www.example.org'`)
	a.sql(`insert into settings (service, key, value) values ('apache', 'protect', '{"zzz.example.org": ["/a*\"> evil"]}'),
		('apache', 'hsts', '"1\" evil"'),
		('apache', 'index', '{"a.example.org": ["start.html"]}')`)
	s = a.tells(func(s status.Status) bool { return len(s.LeftOut) == 2 })
	assert.Equal(a, "hsts", s.LeftOut[0].Key)
	assert.Contains(a, s.LeftOut[1].Error, "is no path such as /private")
	a.becomes("a.example.org", http.StatusNotFound) // nor is a list of its files shown
	a.sql(`delete from settings`)
	a.becomes("a.example.org", http.StatusOK)
}

func (a *app) protects() {
	const site = "app.example.org"
	a.domain(site, "example.org", "other.example.net")
	a.file(site, "public/index.html", "for all", 0o644)
	a.file(site, "public/private/index.html", "for members", 0o644)
	a.account("ada", "example.org", blowfish(a.T, "ada-password"))
	a.account("bob", site, "{BLF-CRYPT}"+blowfish(a.T, "bob-password"))
	a.account("cyd", "example.org",
		"$6$saltsaltsalt$ITDNr6OPLrKKpWezkD1EkxamjYOcYRC9Wyf8NOaLyJDmkBM307xVLDD3H.ksKsuOTejV6cqe6/Ktdr3It0WUa0")
	a.account("eve", "other.example.net", blowfish(a.T, "eve-password"))
	a.sql(`insert into settings (service, key, value) values ('apache', 'protect',
		'{"app.example.org": ["/private/", "/more"]}')`)
	require.Eventually(a, func() bool { return a.login(site, "/private/", "", "").code == http.StatusUnauthorized },
		time.Minute, 20*time.Millisecond)
	a.becomes(site, http.StatusOK)
	for _, tc := range []struct {
		user, password string
		code           int
	}{
		{"ada@example.org", "ada-password", 200},
		{"ADA@Example.Org", "ada-password", 200},
		{"bob@app.example.org", "bob-password", 200},
		{"cyd@example.org", "sha-password", 200},
		{"ada@example.org", "Ada-password", 401},
		{"ada@example.org", "", 401},
		{"ada", "ada-password", 401},
		{"eve@other.example.net", "eve-password", 401},
		{"nobody@example.org", "ada-password", 401},
		{"' or 1=1 --@example.org", "x", 401},
		{"%s@example.org", "x", 401},
		{strings.Repeat("x", 3000) + "@example.org", "x", 401},
	} {
		assert.Equal(a, tc.code, a.login(site, "/private/", tc.user, tc.password).code, "%.40s %s", tc.user, tc.password)
	}
	for path, code := range map[string]int{
		"/private": 401, "/private/index.html": 401, "//private/": 401, "/./private/": 401, "/%70rivate/": 401,
		"/x/../private/": 401, "/more/x": 401,
		"/privately": 404, "/": 200, "/private%2findex.html": 404,
	} {
		assert.Equal(a, code, a.login(site, path, "", "").code, path)
	}
	for _, forwarded := range []string{"", "http"} {
		got := a.askAs("http", "", site, "/private/", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", forwarded) })
		assert.Equal(a, http.StatusMovedPermanently, got.code, "no password over HTTP")
	}
	for _, change := range []string{
		`accounts set enabled = %t where local_part = 'ada'`, `domains set enabled = %t where name = 'example.org'`,
	} {
		a.sql(`update ` + fmt.Sprintf(change, false))
		assert.Equal(a, http.StatusUnauthorized, a.login(site, "/private/", "ada@example.org", "ada-password").code,
			"at once: %s", change)
		a.sql(`update ` + fmt.Sprintf(change, true))
		assert.Equal(a, http.StatusOK, a.login(site, "/private/", "ada@example.org", "ada-password").code)
	}
	a.sql(`insert into settings (service, key, value) values ('apache', 'members',
		'{"app.example.org": ["other.example.net", "ada@example.org"]}')`)
	require.Eventually(a, func() bool {
		return a.login(site, "/private/", "eve@other.example.net", "eve-password").code == http.StatusOK
	}, time.Minute, 20*time.Millisecond)
	a.settled(site)
	assert.Equal(a, http.StatusOK, a.login(site, "/private/", "Ada@example.org", "ada-password").code)
	assert.Equal(a, http.StatusUnauthorized, a.login(site, "/private/", "bob@app.example.org", "bob-password").code)
	a.sql(`delete from settings where key = 'members'`)

	// What nginx serves, too, cannot be protected here.
	a.sql(`update settings set value = '{"app.example.org": ["/private"], "www.example.org": ["/"]}'`)
	a.becomes("www.example.org", http.StatusForbidden)
	// A setting that cannot be used keeps out those whom it was for.
	a.domain("new.example.org")
	a.file("new.example.org", "public/index.html", "for members", 0o644)
	a.becomes("new.example.org", http.StatusOK)
	a.sql(`update settings set value = '{"app.example.org": ["/private"], "new.example.org": ["private"]}'`)
	a.becomes("new.example.org", http.StatusForbidden)
	assert.Equal(a, http.StatusUnauthorized, a.login(site, "/private/", "", "").code)
	assert.Equal(a, http.StatusOK, a.login(site, "/private/", "ada@example.org", "ada-password").code, "as it last was")
	a.sql(`update settings set value = '{"app.example.org": ["/private"], "new.example.org": []}'`)
	a.becomes("new.example.org", http.StatusOK)
	a.sql(`insert into settings (service, key, value) values ('apache', 'members', '{"app.example.org": "@nobody"}')`)
	a.becomes(site, http.StatusForbidden)
	a.sql(`delete from settings where key = 'members'`)
	a.becomes(site, http.StatusOK)
	a.sql(`update settings set value = '{"app.example.org": ["/private"], "zzz.example.org": "/"}'`)
	a.becomes("zzz.example.org", http.StatusUnauthorized)
	assert.Equal(a, "proof", a.ask("http", "", "zzz.example.org", "/.well-known/acme-challenge/token").body,
		"also where all is protected")
	assert.Equal(a, http.StatusOK, a.login("zzz.example.org", "/", "ada@example.org", "ada-password").code)
}

// settled waits until workers with an older configuration take no connection any more.
func (a *app) settled(site string) {
	a.Helper()
	a.becomes(site, http.StatusOK)
}

// as signs in to the database as a role.
func (a *app) as(role, password string) *pgx.Conn {
	a.Helper()
	conn, err := pgx.Connect(a.Context(),
		fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s dbname=app sslmode=disable", a.db.port(), role, password))
	require.NoError(a, err)
	a.Cleanup(func() { _ = conn.Close(context.WithoutCancel(a.Context())) })
	return conn
}

func (a *app) knowsLittle() {
	conn := a.as("apache_web", "web-password")
	for _, query := range []string{
		`select password_hash from accounts`, `select * from aliases`, `update domains set enabled = false`,
		`select hash from poststack_web_login(null) x, accounts`,
	} {
		_, err := conn.Exec(a.Context(), query)
		assert.ErrorContains(a, err, "permission denied", query)
	}
	var address string
	require.NoError(a,
		conn.QueryRow(a.Context(), `select address from poststack_web_login('ADA@example.ORG')`).Scan(&address))
	assert.Equal(a, "ada@example.org", address)
	_, err := conn.Exec(a.Context(), `create temp view accounts as select 1 as domain_id`)
	require.NoError(a, err)
	require.NoError(a,
		conn.QueryRow(a.Context(), `select address from poststack_web_login('ada@example.org')`).Scan(&address),
		"nobody else's table is read")
	a.sql(`create role stranger login password 'stranger'`)
	_, err = a.as("stranger", "stranger").Exec(a.Context(), `select poststack_web_login('ada@example.org')`)
	assert.ErrorContains(a, err, "permission denied")
}

func (a *app) runsPrograms() {
	const site = "app.example.org"
	a.file(site, "cgi-bin/hello", "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n"+
		"%s|%s|%s|%s' \"$REMOTE_USER\" \"$AUTHENTICATE_ADDRESS\" \"$QUERY_STRING\" \"${PGPASSFILE-none}\"\n", 0o755)
	a.file(site, "cgi-bin/plain", "not to be run", 0o644)
	assert.Equal(a, http.StatusNotFound, a.login(site, "/cgi-bin/hello", "", "").code)
	a.sql(`insert into settings (service, key, value) values ('apache', 'cgi', '{"app.example.org": true}')`)
	a.sql(`update settings set value = '{"app.example.org": ["/private", "/cgi-bin/hello"]}' where key = 'protect'`)
	require.Eventually(a, func() bool { return a.login(site, "/cgi-bin/hello", "", "").code == http.StatusUnauthorized },
		time.Minute, 20*time.Millisecond)
	a.settled(site)
	got := a.login(site, "/cgi-bin/hello?x=1", "ADA@example.org", "ada-password")
	assert.Equal(a, "ADA@example.org|ada@example.org|x=1|none", got.body)
	plain := a.login(site, "/cgi-bin/plain", "", "")
	assert.NotContains(a, plain.body, "not to be run")
	assert.GreaterOrEqual(a, plain.code, 400)
	assert.Equal(a, http.StatusNotFound,
		a.login("zzz.example.org", "/cgi-bin/hello", "ada@example.org", "ada-password").code)
}

func (a *app) answersBehindNginx() {
	a.front = &web{T: a.T, engine: a.engine, db: a.db, admin: a.admin, network: a.network}
	a.front.serve("nginx", nginxUID, map[string]string{"www": "/srv/www", "certs": "/etc/certs", "acme": "/srv/acme"})
	a.sql(`insert into settings (service, key, value) values ('nginx', 'upstream',
		'{"app.example.org": "apache", "a.example.org": "https://apache:8443"}')`)
	assert.Equal(a, "this is a.example.org", a.front.becomes("a.example.org", http.StatusOK).body)
	const site = "app.example.org"
	front := &app{web: a.front}
	assert.Equal(a, "for all", front.login(site, "/", "", "").body)
	assert.Equal(a, http.StatusUnauthorized, front.login(site, "/private/", "", "").code)
	assert.Equal(a, "for members", front.login(site, "/private/", "Ada@example.org", "ada-password").body)
	assert.Equal(a, "ada@example.org|ada@example.org|y=2|none",
		front.login(site, "/cgi-bin/hello?y=2", "ada@example.org", "ada-password").body)
	assert.Equal(a, http.StatusOK, front.login(site, "/.well-known/acme-challenge/token", "", "").code)
	a.sql(`delete from settings where key = 'upstream'`)
}

func (a *app) takesCertificates() {
	a.web.certificate("a", 2, "a.example.org")
	a.hangUp() // it looks every half minute by itself
	a.serves("a.example.org", 2)
	a.web.certificate("other", 5, "a.example.org")
	key, err := a.engine.ContainerFile(a.Context(), a.id, "/etc/certs/other/privkey.pem")
	require.NoError(a, err)
	a.put(engine.File{Path: "/etc/certs/a/privkey.pem", Mode: 0o640, UID: certGroup, GID: certGroup, Content: key})
	a.hangUp()
	a.serves("a.example.org", 0)
	a.tells(func(s status.Status) bool {
		return len(s.Warnings) == 1 && strings.Contains(s.Warnings[0], "private key does not match") &&
			s.Certificates[0].Problem != ""
	})
	garbage := engine.File{Path: "/etc/certs/a/fullchain.pem", Mode: 0o644, UID: certGroup, GID: certGroup}
	a.web.certificate("a", 4, "a.example.org")
	garbage.Content, err = a.engine.ContainerFile(a.Context(), a.id, garbage.Path)
	require.NoError(a, err)
	garbage.Content = append(garbage.Content, "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"...)
	a.put(garbage) // with this Apache would not reload, but end
	a.hangUp()
	a.tells(func(s status.Status) bool {
		return len(s.Warnings) == 1 && strings.Contains(s.Warnings[0], "read certificate 2 of the chain")
	})
	assert.Equal(a, http.StatusOK, a.site("a.example.org").code)
	a.web.certificate("a", 3, "a.example.org")
	a.hangUp()
	a.serves("a.example.org", 3)
	s := a.tells(func(s status.Status) bool { return len(s.Certificates) == 1 && s.Certificates[0].Served })
	assert.Equal(a, "3", s.Certificates[0].Serial)
	a.sql(`insert into settings (key, value) values ('hsts', '{"a.example.org": 600}')`)
	require.Eventually(a, func() bool {
		return a.site("a.example.org").header.Get("Strict-Transport-Security") == "max-age=600"
	}, time.Minute, 20*time.Millisecond)
	loud := a.web.askAs("https", "a.example.org", "A.EXAMPLE.org", "/", func(*http.Request) {})
	assert.Equal(a, "max-age=600", loud.header.Get("Strict-Transport-Security"), "a name in any case")
	assert.Empty(a, a.site("zzz.example.org").header.Get("Strict-Transport-Security"))
	a.sql(`delete from settings where key = 'hsts'`)
	a.sql(`update certificates set status = 'revoked'`)
	a.serves("a.example.org", 0)
}

func (a *app) reloadsWhole() {
	const size = 8 << 20
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	a.put(engine.File{Path: "/srv/apps/a.example.org/public/big", Mode: 0o644, Content: content})
	want := sha256.Sum256(content)
	slow, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", a.port(8443)),
		&tls.Config{InsecureSkipVerify: true, ServerName: "a.example.org"})
	require.NoError(a, err)
	defer slow.Close()
	_, err = io.WriteString(slow, "GET /big HTTP/1.1\r\nHost: a.example.org\r\n\r\n")
	require.NoError(a, err)
	resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
	require.NoError(a, err)
	defer resp.Body.Close()
	before := a.status().Reloads
	answers := make(chan string, 1)
	stop := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				answers <- fmt.Sprint(n)
				return
			default:
			}
			if got := a.site("a.example.org"); got.code != http.StatusOK || got.body != "this is a.example.org" {
				answers <- fmt.Sprintf("after %d: %d %q", n, got.code, got.body)
				return
			}
		}
	}()
	for i := range 5 {
		name := fmt.Sprintf("r%d.example.net", i)
		a.domain(name)
		a.reaches(name, http.StatusNotFound)
	}
	close(stop)
	assert.Regexp(a, `^\d{2,}$`, <-answers, "each answer is whole")
	assert.GreaterOrEqual(a, a.status().Reloads-before, 5)
	hash := sha256.New()
	n, err := io.Copy(hash, resp.Body)
	require.NoError(a, err)
	assert.EqualValues(a, size, n)
	assert.Equal(a, want[:], hash.Sum(nil))
	a.sql(`delete from domains where name like 'r%.example.net'`)
}

func (a *app) outlivesDatabase() {
	const site = "app.example.org"
	require.NoError(a, a.engine.ContainerStop(a.Context(), a.db.id, time.Minute))
	a.tells(func(s status.Status) bool { return !s.Connected })
	away := func() {
		assert.Equal(a, "for all", a.login(site, "/", "", "").body)
		got := a.login(site, "/private/", "ada@example.org", "ada-password")
		assert.Equal(a, http.StatusInternalServerError, got.code)
		assert.NotContains(a, got.body, "for members")
	}
	away()
	a.killDaemon()
	a.becomes(site, http.StatusOK)
	a.restart()
	a.becomes(site, http.StatusOK)
	away()
	assert.Equal(a, status.Kept, a.status().Rows)
	assert.NotContains(a, a.logs(), "web-password")
	require.NoError(a, a.engine.ContainerStart(a.Context(), a.db.id))
	a.db.T = a.T
	a.admin = a.db.login(a.db.password)
	require.Eventually(a, func() bool {
		return a.login(site, "/private/", "ada@example.org", "ada-password").code == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
	a.tells(func(s status.Status) bool { return s.Connected && s.Rows == status.Database })

	a.sql(`begin`)
	a.sql(`lock table accounts in access exclusive mode`) // as a migration does
	assert.Equal(a, "for all", a.login(site, "/", "", "").body)
	assert.Equal(a, http.StatusUnauthorized, a.login(site, "/private/", "ada@example.org", "ada-password").code,
		"it does not wait for ever")
	a.sql(`rollback`)
	assert.Equal(a, http.StatusOK, a.login(site, "/private/", "ada@example.org", "ada-password").code)
}
