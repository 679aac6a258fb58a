package integration_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap"
	imapclient "github.com/emersion/go-imap/client"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

const (
	dovecotImage engine.Ref = "localhost/poststack/dovecot:latest"
	dovecotUID   int        = 9995 // of the image, fixed
)

// mail is a container of dovecot's image beside one of PostgreSQL's with the schema. What it has in common with a
// container of nginx is that one's.
type mail struct{ *web }

func newMail(t *testing.T, e *engine.Engine) mail {
	t.Helper()
	m := mail{newStage(t, e)}
	m.sql(`create role mail login password 'mail-password' in role poststack_dovecot`)
	m.sql(`insert into settings (service, key, value) values ('dovecot', 'auth_delay', '0')`)
	m.sql(`insert into domains (name, serves_mail) values ('example.org', true)`)
	var mounts []engine.Mount
	for name, path := range map[string]string{"state": "/var/lib/poststack", "mail": "/srv/mail", "certs": "/etc/certs"} {
		mounts = append(mounts, engine.Mount{Volume: m.volume(name), Target: path})
	}
	m.spec = engine.ContainerSpec{
		Name: m.network + "-dovecot", Image: dovecotImage, Labels: container.DisposableLabels(), Network: m.network,
		Env: map[string]string{
			"PGHOST": "postgres", "PGUSER": "mail", "PGDATABASE": "app", "PGPASSFILE": "/etc/poststack-login/pgpass",
			"PGSSLMODE": "disable",
		},
		Files: []engine.File{{
			Path: "/etc/poststack-login/pgpass", Mode: 0o400, UID: dovecotUID, GID: dovecotUID,
			Content: []byte("*:*:*:*:mail-password\n"),
		}},
		Mounts: mounts, ReadOnly: true, Tmpfs: []engine.Tmpfs{
			{Path: "/run/dovecot", UID: dovecotUID, GID: dovecotUID, Mode: 0o700},
			{Path: "/tmp", UID: dovecotUID, GID: dovecotUID, Mode: 0o700},
		},
		Confinement: engine.Confinement{Confined: true},
		Ports: []engine.Port{
			{Container: 1143, HostIP: "127.0.0.1"},
			{Container: 1993, HostIP: "127.0.0.1"},
			{Container: 1024, HostIP: "127.0.0.1"},
		},
	}
	t.Cleanup(func() { m.remove() })
	m.create()
	return m
}

// account adds one of example.org, with its name as its password.
func (m mail) account(names ...string) {
	m.Helper()
	for _, name := range names {
		m.sql(`insert into accounts (domain_id, local_part, password_hash) select id, $1, $2 from domains
			where name = 'example.org'`, name, hashOf(m, name))
	}
}

// hashOf is a hash as account:add makes it, only faster.
func hashOf(m mail, password string) string {
	m.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(m, err)
	return "$2y$" + strings.TrimPrefix(string(hash), "$2a$")
}

// alias adds one of example.org.
func (m mail) alias(name, destination string) {
	m.Helper()
	m.sql(`insert into aliases (domain_id, local_part, destination) select id, $1, $2 from domains
		where name = 'example.org'`, name, destination)
}

func (m mail) address(inside uint16) string { return fmt.Sprintf("127.0.0.1:%d", m.port(inside)) }

// connect connects over TLS; name is asked for.
func (m mail) connect(name string) (*imapclient.Client, error) {
	return imapclient.DialWithDialerTLS(&net.Dialer{Timeout: time.Minute}, m.address(1993),
		&tls.Config{InsecureSkipVerify: true, ServerName: name})
}

// login tries to sign in, and signs out again.
func (m mail) login(address, password string) error {
	c, err := m.connect("")
	if err != nil {
		return err
	}
	defer func() { _ = c.Logout() }()
	return c.Login(address, password)
}

// session signs in, until the test ends.
func (m mail) session(name string) *imapclient.Client {
	m.Helper()
	var c *imapclient.Client
	ok := assert.Eventually(m, func() (ok bool) { // right after a reload it may fail once
		var err error
		if c, err = m.connect(""); err != nil {
			return false
		}
		c.ErrorLog = quiet{}
		return c.Login(name+"@example.org", name) == nil
	}, time.Minute, 50*time.Millisecond)
	require.True(m, ok, "%s cannot sign in; the container said:\n%s", name, m.logs())
	m.Cleanup(func() { _ = c.Terminate() })
	return c
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// holds is how many messages a mailbox of an account has.
func (m mail) holds(name, mailbox string) int {
	m.Helper()
	s, err := m.session(name).Select(mailbox, true)
	require.NoError(m, err)
	return int(s.Messages)
}

// deliver hands over one message of that size and gives the status of the answer that was no 250, or 250, and its text.
func (m mail) deliver(to string, size int) (code int, text string) {
	m.Helper()
	conn, err := net.DialTimeout("tcp", m.address(1024), 10*time.Second)
	require.NoError(m, err)
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	c.CommandTimeout, c.SubmissionTimeout = 15*time.Second, 15*time.Second
	refused := func(err error) bool {
		var s *smtp.SMTPError
		if errors.As(err, &s) {
			code, text = s.Code, s.Message
			return true
		}
		require.NoError(m, err)
		return false
	}
	require.NoError(m, c.Mail("sender@example.net", nil))
	if refused(c.Rcpt(to, nil)) {
		return code, text
	}
	w, err := c.Data()
	require.NoError(m, err)
	_, err = io.WriteString(w, "Subject: for "+to+"\r\nX-Spam: yes\r\n\r\n"+strings.Repeat("hello world\r\n", size/13+1))
	require.NoError(m, err)
	if refused(w.Close()) {
		return code, text
	}
	return 250, ""
}

// run runs a command in the container.
func (m mail) run(command ...string) engine.ExecResult {
	m.Helper()
	out, err := m.engine.ContainerExec(m.Context(), m.id, engine.ExecSpec{Command: command})
	require.NoError(m, err)
	return out
}

// healthy waits until the agent serves, and IMAP and LMTP answer.
func (m mail) healthy() {
	m.Helper()
	const script = `agent health &&
		curl -sSk --max-time 2 --ssl-reqd imap://127.0.0.1:1143/ -X CAPABILITY | grep -q AUTH=PLAIN &&
		printf 'LHLO localhost\r\nQUIT\r\n' | nc -w 2 127.0.0.1 1024 | grep -q '^220 '`
	require.Eventually(m, func() bool { return m.run("sh", "-c", script).Code == 0 }, time.Minute, 100*time.Millisecond)
}

func TestDovecot(t *testing.T) {
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := newMail(t, enginetest.Open(t, kind))
			m.healthy()
			for _, step := range []struct {
				name string
				test func(mail)
			}{
				{"lets in who has the password", mail.signsIn},
				{"lets nobody in without TLS", mail.needsTLS},
				{"delivers to accounts", mail.delivers},
				{"follows aliases", mail.followsAliases},
				{"keeps the mail of one who had the address before apart", mail.keepsMailApart},
				{"filters", mail.filters},
				{"holds as much as the quota says", mail.keepsQuota},
				{"is copied while mail moves", mail.isCopiedWhileMailMoves},
				{"serves a certificate for each name", mail.takesCertificates},
				{"ends the sessions of those who are locked out", mail.locksOut},
				{"puts off, and refuses nobody, while the database is away", mail.outlivesDatabase},
				{"keeps the mail in another container", mail.isReplaced},
				{"ends in order", mail.endsInOrder},
			} {
				ok := t.Run(step.name, func(t *testing.T) {
					m.T = t
					step.test(m)
				})
				m.T = t
				if !ok {
					break
				}
			}
		})
	}
}

func (m mail) signsIn() {
	m.account("ada")
	begun := time.Now()
	require.NoError(m, m.login("ada@example.org", "ada"))
	m.Logf("from the row to the first sign-in: %s", time.Since(begun))
	m.account("bob", "eve", "gil", "o'hara", "a/b=c")
	m.sql(`update accounts set enabled = false where local_part = 'eve'`)
	m.sql(`update accounts set password_hash = '{BLF-CRYPT}' || password_hash where local_part = 'bob'`)
	// dovecot 2.4 calls it weak
	m.sql(`update accounts set password_hash = '{MD5-CRYPT}$1$abcdefgh$KxS2s9niiSoOyNyg1sp4q0' where local_part = 'gil'`)
	m.alias("sales", "bob@example.org")
	var tried sync.WaitGroup // a wrong password is answered half a second later
	for _, tc := range []struct {
		address, password string
		right             bool
	}{
		{"ada@example.org", "ada", true},
		{"ADA@Example.ORG", "ada", true},
		{"bob@example.org", "bob", true},
		{"gil@example.org", "gil", true},
		{"o'hara@example.org", "o'hara", true},
		{"a/b=c@example.org", "a/b=c", true},
		{"ada@example.org", "ADA", false},
		{"ada@example.org", "", false},
		{"eve@example.org", "eve", false},
		{"sales@example.org", "bob", false},
		{"nobody@example.org", "ada", false},
		{"ada", "ada", false},
		{"ada@example.org' or 'a'='a", "ada", false},
		{"ada@example.org\\", "ada", false},
		{"ädä@example.org", "ada", false},
		{"%u@example.org", "ada", false},
		{"@example.org", "ada", false},
	} {
		tried.Go(func() {
			err := m.login(tc.address, tc.password)
			if tc.right {
				assert.NoError(m, err, "%+v", tc)
			} else {
				assert.ErrorContains(m, err, "Authentication failed.", "%+v", tc)
			}
		})
	}
	tried.Wait()
	assert.Equal(m, 0, m.run("doveadm", "auth", "test", "ada@example.org", "ada").Code)
	assert.Equal(m, "a/b=c@example.org\nada@example.org\nbob@example.org\ngil@example.org\no'hara@example.org\n",
		m.run("doveadm", "user", "*").Stdout)
	m.sql(`update domains set serves_mail = false`)
	require.NoError(m, m.login("ada@example.org", "ada"))
	m.sql(`update domains set serves_mail = true`)
}

func (m mail) needsTLS() {
	c, err := imapclient.Dial(m.address(1143))
	require.NoError(m, err)
	defer func() { _ = c.Logout() }()
	disabled, err := c.Support("LOGINDISABLED")
	require.NoError(m, err)
	assert.True(m, disabled)
	require.Error(m, c.Login("ada@example.org", "ada"))
	require.NoError(m, c.StartTLS(&tls.Config{InsecureSkipVerify: true}))
	require.NoError(m, c.Login("ada@example.org", "ada"))
	for _, from := range []string{"127.0.0.1", "$(hostname -i | cut -d' ' -f1)"} { // such a client dovecot calls secure
		out := m.run("sh", "-c", `printf 'a LOGIN ada@example.org ada\r\nb LOGOUT\r\n' | nc -w 5 `+from+` 1143`)
		assert.Contains(m, out.Stdout, "a NO [AUTHENTICATIONFAILED]", from)
	}
	for version, wanted := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		conn, err := tls.Dial("tcp", m.address(1993),
			&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version})
		assert.Equal(m, wanted, err == nil, "%s: %v", tls.VersionName(version), err)
		if err == nil {
			require.NoError(m, conn.Close())
		}
	}
}

func (m mail) delivers() {
	for _, tc := range []struct {
		to   string
		code int
	}{
		{"bob@example.org", 250},
		{"BOB+Bills@Example.ORG", 250},
		{"nobody@example.org", 550},
		{"eve@example.org", 550},
		{"ada@example.net", 550},
		{"o'hara@example.org", 250},
		{"a/b=c@example.org", 250},
	} {
		code, text := m.deliver(tc.to, 10)
		assert.Equal(m, tc.code, code, "%s: %s", tc.to, text)
	}
	assert.Equal(m, 2, m.holds("bob", "INBOX"))
	assert.Contains(m, m.run("find", "/srv/mail/example.org", "-maxdepth", "1").Stdout,
		"/srv/mail/example.org/a=2Fb=3Dc\n")
	for _, off := range []string{"enabled", "serves_mail"} {
		m.sql(`update domains set ` + off + ` = false`)
		code, text := m.deliver("bob@example.org", 10)
		assert.Equal(m, 550, code, "%s: %s", off, text)
		m.sql(`update domains set ` + off + ` = true`)
	}
}

func (m mail) followsAliases() {
	for name, to := range map[string]string{
		"chain": "Sales@Example.ORG", "a": "b@example.org", "b": "a@example.org", "self": "self@example.org",
		"dead": "eve@example.org",
		"far":  "x@far.example", "tagged": "ada+x@example.org", "bob": "bob@example.org", "nowhere": "nobody@example.net",
	} {
		m.alias(name, to)
	}
	m.alias("team", "ada@example.org")
	m.alias("team", "bob@example.org")
	m.alias("twice", "ada@example.org")
	m.alias("twice", "tagged@example.org")
	m.sql(`insert into aliases (domain_id, local_part, destination, enabled) select id, 'off', 'ada@example.org', false
		from domains`)
	bob, ada := m.holds("bob", "INBOX"), m.holds("ada", "INBOX")
	for _, tc := range []struct {
		to       string
		code     int
		bob, ada int
	}{
		{"sales@example.org", 250, 1, 0},
		{"CHAIN+tag@example.org", 250, 1, 0},
		{"bob@example.org", 250, 1, 0},
		{"tagged@example.org", 250, 0, 1},
		{"twice@example.org", 250, 0, 1},
		{"a@example.org", 550, 0, 0},
		{"self@example.org", 550, 0, 0},
		{"dead@example.org", 550, 0, 0},
		{"off@example.org", 550, 0, 0},
		{"team@example.org", 451, 0, 0},
		{"far@example.org", 451, 0, 0},
		{"typo@example.org", 550, 0, 0},
		{"+x@example.org", 550, 0, 0}, // an error would cost dovecot its connection, and others an answer
		{"+@example.org", 550, 0, 0},
		{"+y@example.org", 550, 0, 0},
		{"bob+@example.org", 250, 1, 0},
		{"", 0, 0, 0}, // from here on there is a catch-all
		{"typo@example.org", 250, 0, 1},
		{"+x@example.org", 250, 0, 1},
		{"bob@example.org", 250, 1, 0},
		{"sales@example.org", 250, 1, 0},
		{"eve@example.org", 550, 0, 0},
		{"a@example.org", 550, 0, 0},
		{"off@example.org", 550, 0, 0},
	} {
		if tc.to == "" {
			m.alias("*", "ada@Example.ORG")
			continue
		}
		code, text := m.deliver(tc.to, 10)
		assert.Equal(m, tc.code, code, "%s: %s", tc.to, text)
		bob, ada = bob+tc.bob, ada+tc.ada
	}
	assert.Equal(m, bob, m.holds("bob", "INBOX"))
	assert.Equal(m, ada, m.holds("ada", "INBOX"))
	assert.Contains(m, m.logs(), "mail for team@example.org goes to several addresses, which takes a mail transfer agent")
}

// keepsMailApart gives the address of one account to another, who gets none of its mail, and mail back to who had it.
func (m mail) keepsMailApart() {
	first := func(address string) {
		m.Helper()
		code, text := m.deliver(address, 10)
		require.Equal(m, 250, code, text)
	}
	m.account("kim")
	first("kim@example.org")
	m.sql(`delete from accounts where local_part = 'kim'`)
	m.account("kim")
	assert.Equal(m, 0, m.holds("kim", "INBOX"), "of who had the address before")
	first("kim@example.org")
	m.sql(`update accounts set local_part = 'jo' where local_part = 'kim'`)
	m.account("kim")
	assert.Equal(m, 0, m.holds("kim", "INBOX"), "of who has another address now")
	m.sql(`delete from accounts where local_part = 'kim'`)
	m.account("kim")
	m.sql(`update accounts set mailbox = 'example.org/kim' where local_part = 'kim'`)
	assert.Equal(m, 1, m.holds("kim", "INBOX"), "that is given back")
	m.sql(`delete from accounts where local_part in ('kim', 'jo')`)
}

func (m mail) filters() {
	put := func(script string) engine.ExecResult {
		return m.run("sh", "-c", `printf '%s' "$0" | doveadm sieve put -u bob@example.org -a main`, script)
	}
	for _, folder := range []string{"Spam/Old", "Bücher/v1.2", "~a"} { // people bring such names from elsewhere
		out := put(`require ["fileinto", "mailbox"]; if header :is "X-Spam" "yes" { fileinto :create "` + folder + `"; }`)
		require.Zero(m, out.Code, out.Stderr)
		code, text := m.deliver("sales+x@example.org", 10)
		require.Equal(m, 250, code, text)
		assert.Equal(m, 1, m.holds("bob", folder), folder)
	}
	assert.NotZero(m, put(`require "vacation"; vacation "away";`).Code)
	m.run("doveadm", "sieve", "deactivate", "-u", "bob@example.org")
}

func (m mail) keepsQuota() {
	m.account("carl", "dora")
	m.sql(`update accounts set quota_bytes = 9000 where local_part = 'carl'`)
	m.sql(`insert into settings (service, key, value) values (null, 'quota', '{"*": 9000}'),
		('dovecot', 'quota', '{"example.net": 1, "*": 20000}')`)
	for _, tc := range []struct {
		to         string
		size, code int
	}{
		{"carl", 5000, 250},
		{"carl", 5000, 552},
		{"carl", 10, 250},
		{"dora", 5000, 250},
		{"dora", 5000, 250},
		{"dora", 12000, 552},
	} {
		code, text := m.deliver(tc.to+"@example.org", tc.size)
		assert.Equal(m, tc.code, code, "%s with %d: %s", tc.to, tc.size, text)
	}
	m.sql(`update settings set value = '"much"' where service = 'dovecot' and key = 'quota'`)
	s := m.tells(func(s status.Status) bool { return len(s.LeftOut) == 1 })
	assert.Equal(m, "quota", s.LeftOut[0].Key)
	code, text := m.deliver("dora@example.org", 10)
	assert.Equal(m, 250, code, text)
	m.sql(`delete from settings where key = 'quota'`)
	m.tells(func(s status.Status) bool { return len(s.LeftOut) == 0 })
}

// shown is the certificate that a client gets who asks for a name.
func (m mail) shown(name string) (serial *big.Int, names []string) {
	m.Helper()
	conn, err := tls.Dial("tcp", m.address(1993), &tls.Config{InsecureSkipVerify: true, ServerName: name})
	if err != nil {
		return big.NewInt(-1), nil // it may be reloading
	}
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	return leaf.SerialNumber, leaf.DNSNames
}

func (m mail) takesCertificates() {
	_, names := m.shown("mail.example.org")
	assert.Equal(m, []string{pair.StandInName}, names)
	assert.NotContains(m, m.logs(), "SIGHUP", "accounts and aliases cause no reload")
	open := m.session("ada")
	m.certificate("mail", 7, "mail.example.org")
	m.certificate("wild", 8, "*.example.net")
	m.sql(`insert into certificates (domain_id, names, directory, challenge)
		select id, '{mail.example.org,absent.example.org}'::text[], 'mail', 'http-01' from domains
		union all select id, '{*.example.net}', 'wild', 'dns-01' from domains`)
	serves := func(name string, serial int64) {
		m.Helper()
		require.Eventually(m, func() bool { got, _ := m.shown(name); return got.Cmp(big.NewInt(serial)) == 0 }, time.Minute,
			50*time.Millisecond, name)
	}
	serves("mail.example.org", 7)
	serves("imap.example.net", 8)
	for _, name := range []string{"", "absent.example.org", "example.net", "a.b.example.net"} {
		_, names := m.shown(name)
		assert.Equal(m, []string{pair.StandInName}, names, name)
	}
	require.NoError(m, open.Noop(), "an open connection outlives a reload")
	m.certificate("mail", 9, "mail.example.org")
	require.NoError(m, m.engine.ContainerKill(m.Context(), m.id, "SIGHUP")) // it looks every half minute by itself
	serves("mail.example.org", 9)
	_, err := open.Select("INBOX", true)
	require.NoError(m, err)
	// Otherwise dovecot ends them six seconds later.
	assert.Equal(m, "no\n", m.run("doveconf", "-h", "shutdown_clients").Stdout)
	m.sql(`delete from certificates`)
	require.Eventually(m, func() bool { // a login at the moment of the reload may be cut off
		_, names := m.shown("mail.example.org")
		return slices.Equal(names, []string{pair.StandInName})
	}, time.Minute, 50*time.Millisecond)
}

func (m mail) locksOut() {
	m.account("fred", "-v", "b?b")
	ada, bob, slow := m.session("ada"), m.session("bob"), m.session("ada")
	fred, option, pattern := m.session("fred"), m.session("-v"), m.session("b?b")
	stop, idle := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(idle)
		_ = ada.Idle(stop, nil) // it ends with the session
	}()
	m.sql(`update accounts set password_hash = $1 where local_part = 'ada'`, hashOf(m, "new"))
	require.ErrorContains(m, m.login("ada@example.org", "ada"), "Authentication failed.")
	require.NoError(m, m.login("ada@example.org", "new"))
	m.sql(`update accounts set enabled = false where local_part = 'ada'`)
	require.ErrorContains(m, m.login("ada@example.org", "new"), "Authentication failed.")
	m.sql(`delete from accounts where local_part in ('fred', '-v', 'b?b')`)
	for _, c := range []*imapclient.Client{ada, slow, fred, option, pattern} {
		select {
		case <-c.LoggedOut():
		case <-time.After(time.Minute):
			m.Fatal("a session goes on after its account was locked")
		}
	}
	close(stop)
	<-idle
	require.NoError(m, bob.Noop(), "others stay")
	m.sql(`update accounts set enabled = true where local_part = 'ada'`)
	require.NoError(m, m.login("ada@example.org", "new"))
	m.sql(`update accounts set password_hash = $1 where local_part = 'ada'`, hashOf(m, "ada"))
	for _, change := range []struct{ out, back string }{
		{
			`update accounts set local_part = 'rob' where local_part = 'bob'`,
			`update accounts set local_part = 'bob' where local_part = 'rob'`,
		},
		{`update domains set enabled = false`, `update domains set enabled = true`},
	} {
		m.settles()
		m.sql(change.out)
		select {
		case <-bob.LoggedOut():
		case <-time.After(time.Minute):
			m.Fatal("a session goes on after: " + change.out)
		}
		m.sql(change.back)
		bob = m.session("bob")
	}
}

// settles waits until no change is left to be taken over, which would end sessions, too.
func (m mail) settles() {
	m.Helper()
	was, since := -1, time.Now()
	m.tells(func(s status.Status) bool {
		if s.Reloads != was {
			was, since = s.Reloads, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
}

func (m mail) outlivesDatabase() {
	bob := m.session("bob")
	require.NoError(m, m.engine.ContainerStop(m.Context(), m.db.id, time.Minute))
	puts := func() {
		m.Helper()
		for _, address := range []string{"bob@example.org", "nobody@example.org", "team@example.org"} {
			for range 2 {
				code, text := m.deliver(address, 10)
				assert.Equal(m, 451, code, "%s: %s", address, text)
			}
		}
		for _, password := range []string{"bob", "wrong"} {
			err := m.login("bob@example.org", password)
			require.Error(m, err)
			assert.NotContains(m, err.Error(), "Authentication failed.")
		}
	}
	puts()
	_, err := bob.Select("INBOX", true)
	require.NoError(m, err, "who is signed in goes on")
	m.killDaemon()
	m.healthy()
	puts()
	m.restart()
	m.healthy()
	puts()
	assert.Contains(m, m.run("agent", "health").Stdout, "the database is away since")
	assert.NotContains(m, m.logs(), "mail-password")
	require.NoError(m, m.engine.ContainerStart(m.Context(), m.db.id))
	m.db.T = m.T
	m.admin = m.db.login(m.db.password)
	require.Eventually(m, func() bool { return m.login("bob@example.org", "bob") == nil }, time.Minute,
		100*time.Millisecond)
	require.Eventually(m, func() bool { code, _ := m.deliver("bob@example.org", 10); return code == 250 }, time.Minute,
		100*time.Millisecond)
}

func (m mail) isReplaced() {
	before, err := m.session("bob").Select("INBOX", true)
	require.NoError(m, err)
	_, err = m.session("bob").Select("INBOX", false)
	require.NoError(m, err)
	require.NoError(m, m.engine.ContainerStop(m.Context(), m.id, time.Minute))
	m.remove()
	m.create()
	m.healthy()
	after, err := m.session("bob").Select("INBOX", true)
	require.NoError(m, err)
	assert.Equal(m, [3]uint32{before.Messages, before.UidValidity, before.UidNext},
		[3]uint32{after.Messages, after.UidValidity, after.UidNext})
	assert.Equal(m, 1, m.holds("bob", "Spam/Old"))
}

func (m mail) endsInOrder() {
	c := m.session("bob")
	updates := make(chan imapclient.Update, 16)
	c.Updates = updates
	require.NoError(m, m.engine.ContainerStop(m.Context(), m.id, 40*time.Second))
	<-c.LoggedOut()
	var bye bool
	for len(updates) > 0 {
		if s, ok := (<-updates).(*imapclient.StatusUpdate); ok && s.Status.Type == imap.StatusRespBye {
			bye = true
		}
	}
	assert.True(m, bye, "clients are told")
	info, err := m.engine.ContainerInspect(m.Context(), string(m.id))
	require.NoError(m, err)
	assert.Zero(m, info.ExitCode)
}
