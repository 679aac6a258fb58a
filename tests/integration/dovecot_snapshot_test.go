package integration_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap"
	imapclient "github.com/emersion/go-imap/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// isCopiedWhileMailMoves takes snapshots while a client moves mails to another folder and back. A copy that is not of
// one moment misses some, or has some twice.
func (m mail) isCopiedWhileMailMoves() {
	const mails = 60
	m.account("ivy")
	c := m.session("ivy")
	require.NoError(m, c.Create("Other"))
	for i := range mails {
		require.NoError(m, c.Append("INBOX", []string{imap.SeenFlag}, time.Time{},
			strings.NewReader(fmt.Sprintf("Subject: mail %d\r\n\r\nhello\r\n", i))))
	}
	enough := make(chan struct{})
	stop := sync.OnceFunc(func() { close(enough) })
	defer stop()
	moved := make(chan error, 1)
	go func() { moved <- moveMails(c, enough) }()
	for range 5 {
		out := m.run("dovecot-service", "snapshot")
		require.Zero(m, out.Code, out.Stderr)
		assert.Empty(m, out.Stderr)
		found := m.run("sh", "-c", `grep -rh '^Subject: mail ' /srv/mail/.snapshot/example.org/ivy/Maildir | sort | uniq -c`)
		twice := 0
		for line := range strings.Lines(found.Stdout) {
			if n, err := strconv.Atoi(strings.Fields(line)[0]); err != nil || n > 1 {
				twice++
			}
		}
		assert.Equal(m, mails, strings.Count(found.Stdout, "\n"), "none is missed")
		assert.LessOrEqual(m, twice, 1, "but the one that is being moved")
	}
	linked := m.run("sh", "-c",
		`find /srv/mail/.snapshot -type f -links +1 ! -path '*/cur/*' ! -path '*/new/*'; rm -rf /srv/mail/.snapshot`)
	assert.Empty(m, linked.Stdout, "what dovecot writes to in its place is copied")
	stop()
	require.NoError(m, <-moved, "dovecot goes on")
	code, text := m.deliver("ivy@example.org", 10)
	assert.Equal(m, 250, code, text)
}

// moveMails moves one mail after the other, all of a folder and then back, until it is enough.
func moveMails(c *imapclient.Client, enough <-chan struct{}) error {
	first := new(imap.SeqSet)
	first.AddNum(1)
	for from, to := "INBOX", "Other"; ; from, to = to, from {
		s, err := c.Select(from, false)
		if err != nil {
			return err
		}
		for range s.Messages {
			select {
			case <-enough:
				return nil
			default:
			}
			if err := c.Move(first, to); err != nil {
				return err
			}
		}
	}
}
