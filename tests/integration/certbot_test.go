package integration_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

const certbotImage engine.Ref = "localhost/poststack/certbot:latest"

// issuing is certbot's container beside nginx's, bind's and the database's, and an authority that they know nothing of.
type issuing struct {
	*web
	zones     *nameServer
	authority *authority
	spec      engine.ContainerSpec
	id        engine.ContainerID
}

func newIssuing(t *testing.T, e *engine.Engine) *issuing {
	t.Helper()
	w := newWeb(t, e)
	w.sql(`create role web login password 'web-password' in role poststack_bind`)
	zones := serveZones(&web{T: t, engine: e, network: w.network, db: w.db, admin: w.admin}, "bind", "app")
	c := &issuing{web: w, zones: zones, authority: newAuthority(t, w.port(8080))}
	texts := zones.address("udp")
	c.authority.texts = func(m *dns.Msg) *dns.Msg {
		answer, _, _ := new(dns.Client).Exchange(m, texts)
		return answer
	}
	c.sql(`create role issuer login password 'issuer-password' in role poststack_certbot`)
	state := w.network + "-certbot"
	require.NoError(t, e.VolumeCreate(t.Context(), state, container.DisposableLabels()))
	t.Cleanup(func() { assert.NoError(t, e.VolumeRemove(context.WithoutCancel(t.Context()), state)) })
	c.spec = engine.ContainerSpec{
		Name: state, Image: certbotImage, Labels: container.DisposableLabels(), Network: w.network,
		Env: map[string]string{
			"PGHOST": "postgres", "PGUSER": "issuer", "PGDATABASE": "app", "PGPASSFILE": "/etc/poststack-login/pgpass",
			"PGSSLMODE":      "disable",
			"ACME_DIRECTORY": c.authority.directory, "LOG_LEVEL": "debug", "DOMAIN": "mail.example.org",
			"LE_EMAIL": "admin@example.org",
		},
		Files: []engine.File{
			{
				Path: "/etc/poststack-login/pgpass", Mode: 0o400, UID: certGroup,
				GID: certGroup, Content: []byte("*:*:*:*:issuer-password\n"),
			},
			{Path: "/etc/poststack/acme-root.pem", Mode: 0o444, Content: c.authority.root},
		},
		Mounts: []engine.Mount{
			{Volume: state, Target: "/var/lib/certbot"},
			{Volume: w.network + "-acme", Target: "/srv/acme"},
			{Volume: w.network + "-certs", Target: "/etc/certs"},
			{Volume: w.network + "-bind-dnskey", Target: "/srv/dnskey", ReadOnly: true},
		},
		ExtraHosts: map[string]string{c.authority.host: "host-gateway"}, ReadOnly: true,
		Tmpfs:       []engine.Tmpfs{{Path: "/run/certbot", UID: certGroup, GID: certGroup, Mode: 0o700}},
		Confinement: engine.Confinement{Confined: true},
	}
	t.Cleanup(c.remove)
	c.start()
	return c
}

func (c *issuing) remove() {
	if c.id != "" {
		assert.NoError(c, c.engine.ContainerRemove(context.WithoutCancel(c.Context()), c.id))
		c.id = ""
	}
}

// start starts a new container, in the place of the one that there is.
func (c *issuing) start() {
	c.Helper()
	c.remove()
	id, err := c.engine.ContainerCreate(c.Context(), c.spec)
	require.NoError(c, err)
	c.id = id
	require.NoError(c, c.engine.ContainerStart(c.Context(), id))
}

func (c *issuing) said() string {
	c.Helper()
	var out strings.Builder
	require.NoError(c, c.engine.ContainerLogs(c.Context(), c.id, engine.LogOptions{Tail: 100}, &out, &out))
	return out.String()
}

// run runs a command in the container, as certuser.
func (c *issuing) run(command ...string) string {
	c.Helper()
	out, err := c.engine.ContainerExec(c.Context(), c.id, engine.ExecSpec{Command: command})
	require.NoError(c, err)
	return strings.TrimSpace(out.Stdout + out.Stderr)
}

// add adds a row for a name with a site.
func (c *issuing) add(directory string, names ...string) {
	c.Helper()
	c.sql(`insert into domains (name, serves_web) values ($1, true) on conflict do nothing`, names[0])
	c.sql(`insert into certificates (domain_id, names, directory) select id, $1, $2 from domains where name = $3`,
		names, directory, names[0])
}

// issued is a row of the table certificates.
type issued struct {
	Status, LastError, Serial, Issuer  string
	Tried, Wanted, Revoked, From, Till *time.Time
}

func (c *issuing) row(directory string) (r issued) {
	c.Helper()
	require.NoError(c, c.admin.QueryRow(c.Context(), `select status, coalesce(last_error, ''), coalesce(serial_number, ''),
		coalesce(issuer, ''), tried_at, wanted_at, revoked_at, not_before, not_after from certificates
		where directory = $1`, directory).
		Scan(&r.Status, &r.LastError, &r.Serial, &r.Issuer, &r.Tried, &r.Wanted, &r.Revoked, &r.From, &r.Till))
	return r
}

// until waits until a row is so.
func (c *issuing) until(directory string, is func(issued) bool) (r issued) {
	c.Helper()
	ok := assert.Eventually(c, func() bool { r = c.row(directory); return is(r) }, time.Minute, 50*time.Millisecond)
	require.True(c, ok, "%s is %+v; the container said:\n%s", directory, r, c.said())
	return r
}

func isIssued(r issued) bool { return r.Status == "issued" && r.LastError == "" && r.Wanted == nil }

// shown is the serial number that a TLS client is shown for a name; "" is the pair that stands in.
func (c *issuing) shown(name string) string {
	leaf := c.site(name).certificate
	if leaf == nil || leaf.DNSNames[0] == pair.StandInName {
		return ""
	}
	return leaf.SerialNumber.Text(16)
}

func (c *issuing) showsSerial(name, serial string) {
	c.Helper()
	var got string
	ok := assert.Eventually(c, func() bool { got = c.shown(name); return got == serial }, time.Minute, 50*time.Millisecond)
	require.True(c, ok, "%s shows %q, not %q", name, got, serial)
}

func (c *issuing) hangUp() {
	c.Helper()
	require.NoError(c, c.engine.ContainerKill(c.Context(), c.id, "SIGHUP"))
}

func (c *issuing) told() (s status.Status) {
	c.Helper()
	require.NoError(c, json.Unmarshal([]byte(c.run("issuer", "status")), &s))
	return s
}

// healthy waits until it has read the table.
func (c *issuing) healthy() {
	c.Helper()
	require.Eventually(c, func() bool {
		out, err := c.engine.ContainerExec(c.Context(), c.id, engine.ExecSpec{Command: []string{"issuer", "health"}})
		return err == nil && out.Code == 0 && strings.Contains(out.Stdout, "rows: database")
	}, time.Minute, 50*time.Millisecond, c.said())
}

// serial is that of the certificate that is deployed.
func (c *issuing) serial(directory string) string {
	c.Helper()
	block, _ := pem.Decode(c.file(directory + "/fullchain.pem"))
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(c, err)
	return leaf.SerialNumber.Text(16)
}

// file reads a certificate's file from the volume.
func (c *issuing) file(path string) []byte {
	c.Helper()
	content, err := c.engine.ContainerFile(c.Context(), c.id, "/etc/certs/"+path)
	require.NoError(c, err)
	return content
}

func TestCertbot(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := newIssuing(t, enginetest.Open(t, kind))
			for _, step := range []struct {
				name string
				test func(*issuing)
			}{
				{"has a certificate issued, and deploys it", (*issuing).issues},
				{"has a wildcard issued through the name server", (*issuing).issuesWildcard},
				{"renews without a reload, and no handshake fails", (*issuing).renews},
				{"asks no second time what was refused", (*issuing).asksOnce},
				{"outlives an end in the middle of an order", (*issuing).isKilled},
				{"deploys later what could not be deployed, without another order", (*issuing).deploysLater},
				{"brings back what was removed", (*issuing).bringsBack},
				{"trusts no authority by itself", (*issuing).trustsNobody},
				{"revokes, and takes away", (*issuing).revokes},
				{"renews by itself in time", (*issuing).renewsInTime},
				{"may change nothing but what came of a row", (*issuing).mayLittle},
				{"ends in order", (*issuing).ends},
			} {
				ok := t.Run(step.name, func(t *testing.T) {
					c.T, c.web.T, c.zones.T = t, t, t
					step.test(c)
				})
				c.T, c.web.T, c.zones.T = t, t, t
				if !ok {
					break
				}
			}
		})
	}
}

func (c *issuing) issues() {
	c.authority.brief.Store(true)
	c.add("brief", "brief.example.org") // it will have been renewed at the end
	c.until("brief", isIssued)
	c.authority.brief.Store(false)
	c.add("a", "a.example.org", "mail.example.org")
	c.page("a.example.org")
	r := c.until("a", isIssued)
	c.showsSerial("a.example.org", r.Serial)
	assert.Contains(c, r.Issuer, "Pebble Intermediate")
	assert.WithinDuration(c, time.Now().Add(60*24*time.Hour), *r.Till, time.Hour)
	assert.Equal(c,
		"750 9999:9999 /etc/certs/a\n640 9999:9999 /etc/certs/a/fullchain.pem\n640 9999:9999 /etc/certs/a/privkey.pem",
		c.run("stat", "-c", "%a %u:%g %n", "/etc/certs/a", "/etc/certs/a/fullchain.pem", "/etc/certs/a/privkey.pem"))
	assert.Equal(c, "certificate", c.run("sh", "-c", "test -r /etc/certs/a/privkey.pem && echo certificate"))
	assert.Eventually(c, func() bool { return c.run("ls", "/etc/certs") == "a\nbrief\nfullchain.pem\nprivkey.pem" },
		time.Minute, 50*time.Millisecond,
		"the host's own name is in it")
	assert.Empty(c, c.run("find", "/srv/acme", "-type", "f"), "no answer to a challenge is left")
	assert.Contains(c, c.run("sh", "-c", "cat /var/lib/certbot/config/accounts/*/*/*/regr.json"), "uri")
}

// issuesWildcard shows the authority a record in the zone that the name server makes of the same row.
func (c *issuing) issuesWildcard() {
	c.sql(`insert into settings (service, key, value) values ('certbot', 'dns_propagation', '1')`)
	c.sql(`insert into dns_zones (name, primary_ns, hostmaster) values ('w.example', 'ns1.example.net', 'a@example.org')`)
	c.sql(`insert into domains (name, serves_web) values ('w.example', true), ('shop.w.example', true)`)
	c.sql(`insert into certificates (domain_id, names, directory, challenge)
		select id, '{w.example,*.w.example}', 'w', 'dns-01' from domains where name = 'w.example'`)
	r := c.until("w", isIssued)
	c.showsSerial("w.example", r.Serial)
	c.showsSerial("shop.w.example", r.Serial)
	c.zones.becomes("_acme-challenge.w.example.", dns.TypeTXT, "") // none is left
	assert.Equal(c, "ns1.example.net.", c.zones.answers("_acme-challenge.w.example.", dns.TypeNS),
		"the zone stays for the renewal")
	c.sql(`delete from settings; delete from certificates where directory = 'w'; delete from domains
		where name like '%w.example'`)
}

func (c *issuing) renews() {
	before, key := c.row("a"), c.file("a/privkey.pem")
	c.showsSerial("a.example.org", before.Serial)
	seen := c.status() // after what the steps before have left to be read
	c.sql(`update domains set enabled = enabled`)
	reloads := c.tells(func(s status.Status) bool { return s.LastRead.After(*seen.LastRead) }).Reloads
	done := make(chan int)
	enough := make(chan struct{})
	go func() { // clients go on asking
		failed := 0
		for {
			select {
			case <-enough:
				done <- failed
				return
			default:
				if c.site("a.example.org").certificate == nil {
					failed++
				}
			}
		}
	}()
	modes := make(chan string)
	go func() { // nobody else may read the key at any moment
		modes <- c.run("sh", "-c", "until [ -e /run/certbot/enough ]; do stat -c '%a %u:%g' /etc/certs/a/* "+
			"/etc/certs/a/.[!.]* 2>/dev/null; sleep 0.01; done | sort -u")
	}()
	c.sql(`update certificates set wanted_at = now() where directory = 'a'`)
	r := c.until("a", func(r issued) bool { return isIssued(r) && r.Serial != before.Serial })
	c.showsSerial("a.example.org", r.Serial)
	close(enough)
	assert.Zero(c, <-done, "handshakes that failed")
	c.run("touch", "/run/certbot/enough")
	for mode := range strings.Lines(<-modes) {
		assert.Regexp(c, `^6[04]0 9999:9999\n?$`, mode)
	}
	assert.Equal(c, reloads, c.status().Reloads)
	assert.Equal(c, key, c.file("a/privkey.pem"))
	assert.Contains(c, c.run("ls", "/etc/certs/a"), "fullchain.pem.old", "the one before is kept beside")
}

func (c *issuing) asksOnce() {
	c.authority.leads("closed.example.org", false)
	c.add("b", "b.example.org", "closed.example.org")
	r := c.until("b", func(r issued) bool { return r.Status == "failed" && r.LastError != "" })
	assert.Contains(c, r.LastError, "closed.example.org")
	assert.Contains(c, r.LastError, "connection refused")
	assert.NotContains(c, r.LastError, "Ask for help")
	assert.Eventually(c, func() bool {
		s := c.told()
		return len(s.LeftOut) == 1 && s.LeftOut[0].Key == "b" && s.LeftOut[0].Error == r.LastError
	}, time.Minute, 50*time.Millisecond)
	c.sql(`update certificates set wanted_at = now() where directory = 'b'`)
	c.hangUp()
	c.start()
	c.healthy()
	c.hangUp()
	assert.Equal(c, 1, c.authority.asked("b.example.org"))
	assert.Equal(c, "failed", c.row("b").Status)
	c.authority.leads("closed.example.org", true)
}

// isKilled is about the same row, which may be tried again.
func (c *issuing) isKilled() {
	before := *c.row("b").Tried
	c.sql(`update certificates set tried_at = null where directory = 'b'`)
	c.until("b", func(r issued) bool { return r.Tried != nil && r.Tried.After(before) })
	time.Sleep(time.Duration(mathrand.IntN(2500)) * time.Millisecond) // any moment of it
	require.NoError(c, c.engine.ContainerKill(c.Context(), c.id, "SIGKILL"))
	_, err := c.engine.ContainerWait(c.Context(), c.id)
	require.NoError(c, err)
	c.sql(`update certificates set wanted_at = now(), last_error = null where directory = 'b'`)
	require.NoError(c, c.engine.ContainerStart(c.Context(), c.id))
	r := c.until("b", isIssued)
	assert.Equal(c, r.Serial, c.serial("b"))
	assert.NotContains(c, c.run("ls", "/var/lib/certbot/config/renewal"), "-0001")
	assert.Empty(c, c.run("find", "/srv/acme", "-type", "f"))
	assert.NotContains(c, c.run("find", "/var/lib/certbot/config/accounts", "-name", "regr.json"), "\n",
		"there is one account")
}

func (c *issuing) deploysLater() {
	c.run("touch", "/etc/certs/d")
	c.add("d", "d.example.org")
	r := c.until("d", func(r issued) bool { return r.Status == "failed" && r.LastError != "" })
	assert.Contains(c, r.LastError, "deploy the certificate")
	c.run("rm", "/etc/certs/d")
	c.hangUp() // it tries every ten seconds by itself
	r = c.until("d", isIssued)
	c.showsSerial("d.example.org", r.Serial)
	assert.Equal(c, 1, c.authority.asked("d.example.org"))
}

func (c *issuing) bringsBack() {
	c.run("rm", "-r", "/etc/certs/d")
	c.hangUp() // it looks every minute by itself
	assert.Eventually(c, func() bool { return strings.Contains(c.run("ls", "/etc/certs/d"), "privkey.pem") }, time.Minute,
		50*time.Millisecond)
	assert.Equal(c, 1, c.authority.asked("d.example.org"))
}

func (c *issuing) trustsNobody() {
	root := c.spec.Files[1].Content
	c.spec.Files[1].Content = nil
	c.start()
	c.add("e", "e.example.org")
	r := c.until("e", func(r issued) bool { return r.Status == "failed" && r.LastError != "" })
	assert.Contains(c, r.LastError, "certificate verify failed")
	assert.Zero(c, c.authority.asked("e.example.org"))
	assert.Contains(c, c.run("issuer", "reach"), "of an authority that nobody here trusts")
	c.sql(`delete from certificates where directory = 'e'`)
	c.spec.Files[1].Content = root
	c.start()
	c.healthy()
	assert.Contains(c, c.run("issuer", "reach", "a.example.org"), `"well":true`)
	assert.Equal(c, 2, c.authority.asked("a.example.org"), "what is there is not asked for again")
}

func (c *issuing) revokes() {
	serial := c.row("d").Serial
	c.sql(`update certificates set status = 'revoked' where directory = 'd'`)
	r := c.until("d", func(r issued) bool { return r.Revoked != nil })
	assert.Empty(c, r.LastError)
	c.showsSerial("d.example.org", "")
	number, ok := new(big.Int).SetString(serial, 16)
	require.True(c, ok)
	assert.NotNil(c, c.authority.db.GetRevokedCertificateBySerial(number), "the authority knows")
	c.sql(`delete from certificates where directory = 'b'`)
	require.Eventually(c, func() bool { return !slices.Contains(strings.Fields(c.run("ls", "/etc/certs")), "b") },
		time.Minute, 50*time.Millisecond)
	c.showsSerial("b.example.org", "")
}

func (c *issuing) renewsInTime() {
	r := c.until("brief", func(r issued) bool { return isIssued(r) && time.Until(*r.Till) > time.Hour })
	assert.Equal(c, r.Serial, c.serial("brief"))
	assert.Equal(c, 2, c.authority.asked("brief.example.org"))
}

func (c *issuing) mayLittle() {
	for _, refused := range []string{
		`select password_hash from accounts`, `update certificates set names = '{x.example.org}'`, `delete from certificates`,
		`insert into domains (name) values ('x.example.org')`, `update domains set enabled = true`,
	} {
		_, err := c.admin.Exec(c.Context(), `set role poststack_certbot; `+refused)
		assert.ErrorContains(c, err, "permission denied", refused)
		c.sql(`reset role`)
	}
	seen, err := c.engine.ContainerInspect(c.Context(), string(c.id))
	require.NoError(c, err)
	assert.NotContains(c, fmt.Sprint(seen), "issuer-password")
	assert.Contains(c, c.run("cat", "/proc/1/status"), "CapEff:\t0000000000000000")
}

func (c *issuing) ends() {
	begun := time.Now()
	require.NoError(c, c.engine.ContainerStop(c.Context(), c.id, 30*time.Second))
	assert.Less(c, time.Since(begun), time.Minute)
	seen, err := c.engine.ContainerInspect(c.Context(), string(c.id))
	require.NoError(c, err)
	assert.Zero(c, seen.ExitCode, c.said())
}
