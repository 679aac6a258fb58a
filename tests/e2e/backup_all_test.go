package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/tests/checkout"
)

// TestBackup_all backs everything up while mail arrives, and restores it in a stack of another name, on the other
// engine if there is one.
func TestBackup_all(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		m := newMailbox(t, kind, c, nil)
		m.fill()
		m.deploy()
		m.inside("mkdir -p /srv/mail/gone.example/carl/Maildir/cur")
		c.OK(t, "account:add", "new@example.org", "-generate")

		acknowledged := m.flow()
		require.Eventually(t, func() bool { return m.count() > 20 }, time.Minute, 50*time.Millisecond, "mail arrives")
		began := time.Now()
		file := document[stack.BackupData](t, c.Mage(t, asked(), "db:backup", "-all", "-verify")).File
		m.inside("touch /run/dovecot/enough")
		noted := <-acknowledged
		require.Empty(t, m.inside("ls -d /srv/mail/.snapshot 2>/dev/null || true"), "nothing is left of it")
		assert.Contains(t, c.OK(t, "db:backups", "-check").Stdout, "mail")

		other := checkout.New(t, otherEngine(t, kind))
		other.Write(t, "poststack.yaml", func(string) string { return "services: [dovecot]\n" })
		restored := document[stack.RestoredData](t, other.Mage(t, asked(), "db:restore", file, "-all", "-yes"))
		assert.Equal(t, []string{"mail", "certificates"}, restored.Volumes)
		assert.Equal(t, []stack.UnmatchedData{
			{Volume: "mail", What: "mailbox without account", Names: []string{"gone.example/carl"}},
			{Volume: "mail", What: "account without mailbox", Names: []string{"example.org/new"}},
		}, restored.Unmatched)
		other.OK(t, "setup")
		there := mailbox{
			T: t, engine: enginetest.Open(t, otherEngine(t, kind)),
			name: "poststack-" + other.Stack(t) + "-dovecot", password: m.password,
		}
		there.has(m.tells(), noted, began)
		assert.Equal(t, "dovecot dovecot\n", there.inside("find /srv/mail -printf '%u %g\\n' | sort -u"))
		const owners = "find /etc/certs /srv/mail -maxdepth 2 ! -name .tmp ! -name carl -printf '%p %u %g %m\n' | sort"
		assert.Equal(t, m.inside(owners), there.inside(owners))
		assert.Contains(t, there.inside(owners), "/etc/certs/example.org/privkey.pem certuser certgroup 640\n")
		there.deliver("ada@example.org")
		assert.NotContains(t, other.OK(t, "logs", "-of=dovecot").Stdout, "Permission denied")

		t.Run("a damaged one changes nothing", func(t *testing.T) { there.refuses(t, other, file) })
		t.Run("services that run have what was", func(t *testing.T) { there.again(t, other) })
	})
}

// otherEngine is the one that is not under test, if it can be used.
func otherEngine(t *testing.T, kind engine.Kind) engine.Kind {
	t.Helper()
	other := map[engine.Kind]engine.Kind{engine.Podman: engine.Docker, engine.Docker: engine.Podman}[kind]
	e, err := engine.Open(t.Context(), enginetest.Options(t, other))
	if err != nil {
		t.Logf("restored on the same engine: %v", err)
		return kind
	}
	require.NoError(t, e.Close())
	return other
}

// inside runs a script in the container, and gives what it prints.
func (m mailbox) inside(script string) string {
	m.Helper()
	out, err := m.engine.ContainerExec(m.Context(), m.container().ID,
		engine.ExecSpec{Command: []string{"sh", "-c", script}})
	require.NoError(m, err)
	require.Zero(m, out.Code, out.Stderr)
	return out.Stdout
}

// deploy puts a certificate where certbot would.
func (m mailbox) deploy() {
	m.Helper()
	var image engine.Ref = "localhost/poststack/certbot:latest"
	if _, err := m.engine.ImageInspect(m.Context(), image); err != nil {
		image = "localhost/poststack/base-debian:latest"
	}
	const owner = 9999 // certuser, of certgroup
	into := engine.Mount{Volume: strings.TrimSuffix(m.name, "dovecot") + "certificates", Target: "/etc/certs"}
	require.NoError(m, container.FillVolume(m.Context(), m.engine, image, into, []engine.File{
		{Path: "/etc/certs/example.org/privkey.pem", Mode: 0o640, UID: owner, GID: owner, Content: []byte("key\n")},
	}))
}

// flow has mails delivered, about five in a second, until the file is there that says that it is enough. It gives the
// IDs that were acknowledged, each behind the time of that. What delivers is root's: nothing that stops dovecot stops
// it.
func (m mailbox) flow() <-chan string {
	const script = `n=0
while [ ! -e /run/dovecot/enough ]; do
  n=$((n + 1))
  printf '%s\r\n' 'LHLO a' 'MAIL FROM:<>' 'RCPT TO:<ada@example.org>' DATA \
    "Message-ID: <$n@flow>" "Subject: flow $n" '' hello . QUIT |
    nc -w 30 127.0.0.1 1024 | grep -q '^250 2.0.0 <ada' && echo "$(date +%s%N) <$n@flow>"
  sleep 0.2
done`
	noted := make(chan string, 1)
	id := m.container().ID
	go func() {
		out, err := m.engine.ContainerExec(m.Context(), id,
			engine.ExecSpec{Command: []string{"sh", "-c", script}, User: "root"})
		assert.NoError(m, err)
		noted <- out.Stdout
	}()
	return noted
}

// count is how many mails the INBOX has.
func (m mailbox) count() int {
	m.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(m.inside("find /srv/mail/example.org/ada/Maildir/new | wc -l")))
	require.NoError(m, err)
	return n
}

// has compares what there is with what there was where it was backed up, and with what had been acknowledged by then.
func (m mailbox) has(before, noted string, by time.Time) {
	m.Helper()
	now := m.tells()
	for line := range strings.Lines(now) { // those that came later are not here
		if !strings.HasPrefix(line, "quota") {
			assert.Contains(m, before, line, "UIDVALIDITY, UIDs, flags")
		}
	}
	c := m.session()
	found := map[string]int{}
	for _, box := range []string{"INBOX", "Work/2024"} {
		_, err := c.Select(box, true)
		require.NoError(m, err)
		all := new(imap.SeqSet)
		all.AddRange(1, 0)
		messages := make(chan *imap.Message, 10)
		done := make(chan error, 1)
		go func() { done <- c.Fetch(all, []imap.FetchItem{imap.FetchEnvelope}, messages) }()
		for message := range messages {
			found[message.Envelope.MessageId+message.Envelope.Subject]++
		}
		require.NoError(m, <-done)
	}
	early := 0
	for line := range strings.Lines(noted) {
		at, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ns, err := strconv.ParseInt(at, 10, 64)
		require.NoError(m, err, line)
		n := strings.TrimSuffix(strings.TrimPrefix(id, "<"), "@flow>")
		if time.Unix(0, ns).Before(by) {
			early++
			assert.Equal(m, 1, found[id+"flow "+n], id)
		}
		assert.LessOrEqual(m, found[id+"flow "+n], 1, id)
	}
	assert.Greater(m, early, 15)
	assert.Less(m, early, strings.Count(noted, "\n"), "mail arrived while it was backed up")
	for i := range 50 {
		if subject := "mail " + strconv.Itoa(i); strings.Contains(before, " "+subject+" ") {
			assert.Equal(m, 1, found[subject], subject)
		}
	}
}

// refuses has a backup with one changed byte restored.
func (m mailbox) refuses(t *testing.T, c *checkout.Checkout, file string) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	bad := filepath.Join(t.TempDir(), "bad.tar")
	require.NoError(t, os.WriteFile(bad, text, 0o600))
	before := m.container().Started
	r := c.Mage(t, nil, "db:restore", bad, "-all", "-yes")
	assert.Equal(t, 2, r.Code)
	assert.Contains(t, lastLine(r), "it is damaged")
	assert.Equal(t, before, m.container().Started, "nobody was stopped")
}

// again backs up and restores in the same stack, while dovecot runs.
func (m mailbox) again(t *testing.T, c *checkout.Checkout) {
	before := m.tells()
	file := document[stack.BackupData](t, c.Mage(t, asked(), "db:backup", "-all")).File
	m.deliver("ada@example.org")
	restored := document[stack.RestoredData](t, c.Mage(t, asked(), "db:restore", file, "-all", "-yes"))
	assert.Equal(t, []string{"dovecot"}, restored.Services)
	assert.Equal(t, before, m.tells())
	m.deliver("ada@example.org")
	var names []string
	found, err := m.engine.VolumeList(t.Context(), map[string]string{container.LabelStack: c.Stack(t)})
	require.NoError(t, err)
	for _, v := range found {
		name, _, _ := strings.Cut(strings.TrimPrefix(v.Name, strings.TrimSuffix(m.name, "dovecot")), "-")
		names = append(names, name)
	}
	slices.Sort(names)
	assert.Equal(t, []string{"certificates", "data", "dovecot", "mail"}, names, "the former volumes are gone")
	alone := c.Mage(t, nil, "db:restore", document[stack.BackupData](t, c.Mage(t, asked(), "db:backup")).File, "-all",
		"-yes")
	assert.Equal(t, 2, alone.Code)
	assert.Contains(t, lastLine(alone), "leave out -all")
}
