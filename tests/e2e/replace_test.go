package e2e_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap"
	imapclient "github.com/emersion/go-imap/client"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/tests/checkout"
)

// mailbox is one account's, in the container that runs at the moment.
type mailbox struct {
	*testing.T
	engine   *engine.Engine
	name     string // of the container
	password string
}

// newMailbox has one service, dovecot, of one account with 1 MB.
func newMailbox(t *testing.T, kind engine.Kind, c *checkout.Checkout, env []string) mailbox {
	t.Helper()
	c.Write(t, "poststack.yaml", func(string) string { return "services: [dovecot]\n" })
	require.Zero(t, c.Mage(t, env, "setup").Code)
	require.Zero(t, c.Mage(t, env, "domain:add", "example.org", "-mail").Code)
	r := c.Mage(t, env, "account:add", "ada@example.org", "-generate", "-quota=1MiB")
	require.Zero(t, r.Code)
	return mailbox{
		T: t, engine: enginetest.Open(t, kind),
		name: "poststack-" + c.Stack(t) + "-dovecot", password: strings.TrimSpace(r.Stdout),
	}
}

func (m mailbox) container() engine.Container {
	m.Helper()
	found, err := m.engine.ContainerInspect(m.Context(), m.name)
	require.NoError(m, err)
	return found
}

// session signs in over TLS.
func (m mailbox) session() *imapclient.Client {
	m.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", published(m.container(), 1993))
	c, err := imapclient.DialWithDialerTLS(&net.Dialer{Timeout: time.Minute}, address,
		&tls.Config{InsecureSkipVerify: true})
	require.NoError(m, err)
	m.Cleanup(func() { _ = c.Terminate() })
	require.NoError(m, c.Login("ada@example.org", m.password))
	return c
}

// fill makes mails in two mailboxes, some with flags, and removes one, so that the UIDs have a gap.
func (m mailbox) fill() {
	m.Helper()
	c := m.session()
	require.NoError(m, c.Create("Work/2024"))
	for i := range 50 {
		box, flags := "INBOX", []string{}
		if i%5 == 0 {
			box = "Work/2024"
		}
		if i%3 == 0 {
			flags = []string{imap.SeenFlag, imap.FlaggedFlag}
		}
		if i%7 == 0 {
			flags = append(flags, "Important")
		}
		require.NoError(m,
			c.Append(box, flags, time.Time{}, strings.NewReader(fmt.Sprintf("Subject: mail %d\r\n\r\nhello\r\n", i))))
	}
	_, err := c.Select("INBOX", false)
	require.NoError(m, err)
	gone := new(imap.SeqSet)
	gone.AddNum(3)
	require.NoError(m, c.Store(gone, imap.FormatFlagsOp(imap.AddFlags, true), []any{imap.DeletedFlag}, nil))
	require.NoError(m, c.Expunge(nil))
}

// deliver hands a mail over as another server does.
func (m mailbox) deliver(to string) {
	m.Helper()
	const talk = `printf '%s\r\n' 'LHLO a' 'MAIL FROM:<>' "RCPT TO:<$0>" DATA 'Subject: delivered' '' hello . QUIT |
		nc -w 10 127.0.0.1 1024`
	out, err := m.engine.ContainerExec(m.Context(), m.container().ID,
		engine.ExecSpec{Command: []string{"sh", "-c", talk, to}})
	require.NoError(m, err)
	require.Contains(m, out.Stdout, "250 2.0.0 <"+to+">", out.Stderr)
}

// tells is all that a client can remember: per mailbox UIDVALIDITY, UIDs, flags and subjects, and the quota.
func (m mailbox) tells() string {
	m.Helper()
	var out strings.Builder
	c := m.session()
	for _, box := range []string{"INBOX", "Work/2024"} {
		s, err := c.Select(box, true)
		require.NoError(m, err)
		fmt.Fprintf(&out, "%s %d\n", box, s.UidValidity)
		all := new(imap.SeqSet)
		all.AddRange(1, 0)
		messages := make(chan *imap.Message, s.Messages+100) // more may come meanwhile, and nobody takes one before the end
		require.NoError(m,
			c.Fetch(all, []imap.FetchItem{imap.FetchUid, imap.FetchFlags, imap.FetchEnvelope, imap.FetchRFC822Size}, messages))
		for message := range messages {
			flags := strings.Join(sorted(message.Flags, imap.RecentFlag), " ")
			fmt.Fprintf(&out, "%d %s %s %d\n", message.Uid, message.Envelope.Subject, flags, message.Size)
		}
	}
	quota, err := m.engine.ContainerExec(m.Context(), m.container().ID,
		engine.ExecSpec{Command: []string{"doveadm", "-f", "tab", "quota", "get", "-u", "ada@example.org"}})
	require.NoError(m, err)
	for line := range strings.Lines(quota.Stdout) {
		f := strings.Split(line, "\t")
		if at := slices.Index(f, "STORAGE"); at >= 0 && at+2 < len(f) {
			fmt.Fprintf(&out, "quota %s of %s\n", f[at+1], f[at+2])
		}
	}
	return out.String()
}

// sorted are flags in their order, without one.
func sorted(flags []string, without string) []string {
	list := slices.DeleteFunc(slices.Clone(flags), func(flag string) bool { return flag == without })
	slices.Sort(list)
	return list
}

// TestReplacedService has an image whose own checker refuses what the running container serves: that one serves on.
func TestReplacedService(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		m := newMailbox(t, kind, c, nil)
		before := m.container()
		open := m.session()
		const script = "containers/dovecot/serve.sh"
		c.Write(t, script, func(text string) string { // the build of the image has no secrets, and so notices nothing
			return strings.Replace(text, "check() {\n", "check() {\n  [ ! -d /run/secrets ] || { echo 'doveconf: Fatal: "+
				"Unknown setting: mail_plugins' >&2; exit 89; }\n", 1)
		})
		r := c.Mage(t, nil, "setup")
		assert.Equal(t, 1, r.Code)
		assert.Contains(t, r.Stderr,
			"exit status 89: doveconf: Fatal: Unknown setting: mail_plugins; the running container serves on")
		assert.Contains(t, r.Stderr, "mage services:stop -of=dovecot")
		assert.Equal(t, before, m.container(), "it is the same container")
		_, err := open.Select("INBOX", true)
		require.NoError(t, err, "also for those who were signed in")
		m.deliver("ada@example.org")
		m.noRehearsalIsLeft()

		c.Write(t, script, func(text string) string { return strings.Replace(text, "exit 89", ":", 1) })
		assert.Contains(t, c.OK(t, "setup").Stderr, "dovecot replaced")
		assert.NotEqual(t, before.ID, m.container().ID)
		m.deliver("ada+bills@example.org")
		m.noRehearsalIsLeft()
	})
}

// noRehearsalIsLeft looks for disposable containers that sign in as the service.
func (m mailbox) noRehearsalIsLeft() {
	m.Helper()
	left, err := m.engine.ContainerList(m.Context(), map[string]string{container.LabelDisposable: "true"})
	require.NoError(m, err)
	for _, c := range left {
		assert.NotContains(m, strings.Join(c.Env, " "),
			strings.ReplaceAll(m.name[:strings.LastIndex(m.name, "-")], "poststack-", "PGUSER=poststack_"), c.Name)
	}
}

// TestAnotherSuite moves dovecot from the usual suite to the one under test, which has another version with another
// syntax, and back. The database is somebody else's and stays.
func TestAnotherSuite(t *testing.T) {
	if checkout.Suite() == usualSuite {
		t.Skipf("%s names no other suite than the usual one", enginetest.EnvSuite)
	}
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		c.OK(t, "build:postgres")
		database := "DATABASE_URL=" + somebodysDatabase(t, enginetest.Open(t, kind))
		usual := []string{database, "POSTSTACK_DEBIAN_SUITE=" + string(usualSuite)}
		other := []string{database}
		m := newMailbox(t, kind, c, usual)
		m.fill()
		m.deliver("ada+bills@example.org")
		before := m.tells()
		require.Regexp(t, `quota \d+ of 1024\n$`, before)
		version := m.version()
		for _, env := range [][]string{other, usual, other} {
			r := c.Mage(t, env, "setup")
			require.Zero(t, r.Code)
			assert.Contains(t, r.Stderr, "dovecot replaced")
			assert.NotEqual(t, version, m.version())
			version = m.version()
			assert.Equal(t, before, m.tells(), version)
			m.deliver("ada+bills@example.org")
			before = m.tells()
		}
	})
}

// somebodysDatabase is a server that the containers of services reach too.
func somebodysDatabase(t *testing.T, e *engine.Engine) (url string) {
	t.Helper()
	id, err := e.ContainerCreate(t.Context(), engine.ContainerSpec{
		Image: "localhost/poststack/postgres:latest", Labels: container.DisposableLabels(),
		Env:   map[string]string{"POSTGRES_PASSWORD": "theirs"},
		Ports: []engine.Port{{Container: 5432, HostIP: "0.0.0.0"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.ContainerRemove(context.WithoutCancel(t.Context()), id)) })
	require.NoError(t, e.ContainerStart(t.Context(), id))
	found, err := e.ContainerInspect(t.Context(), string(id))
	require.NoError(t, err)
	url = fmt.Sprintf("postgres://postgres:theirs@127.0.0.1:%d/postgres?sslmode=disable", published(found, 5432))
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			err = conn.Close(t.Context())
		}
		return err == nil
	}, time.Minute, 100*time.Millisecond)
	return url
}

// usualSuite is the one that users get without a setting.
const usualSuite image.Suite = "bookworm"

// version is what the daemon says that it is.
func (m mailbox) version() string {
	m.Helper()
	out, err := m.engine.ContainerExec(m.Context(), m.container().ID,
		engine.ExecSpec{Command: []string{"dovecot", "--version"}})
	require.NoError(m, err)
	return out.Stdout
}
