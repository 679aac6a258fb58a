package integration_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// acknowledged are the things of one kind that were answered with a yes.
type acknowledged struct {
	mu  sync.Mutex
	all []string
}

func (a *acknowledged) add(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, name)
}

// losesNoCommit kills the server while clients write, at moments of chance.
func losesNoCommit(p *postgres) {
	random := rand.New(rand.NewPCG(enginetest.Seed(p.T), 0))
	conn := p.start()
	exec(p.T, conn, "create table written (name text primary key)")
	var answered acknowledged
	for round := range enginetest.Rounds(p.T, 2) {
		var writers sync.WaitGroup
		for writer := range 4 {
			conn := p.login(p.password)
			writers.Go(func() { writes(p, conn, fmt.Sprintf("%d-%d", round, writer), &answered) })
		}
		time.Sleep(time.Duration(random.Int64N(int64(500 * time.Millisecond)))) // the moment is what is tried here
		p.kill()
		writers.Wait()
		conn = p.start()
		rows, err := conn.Query(p.Context(), "select unnest($1::text[]) except select name from written", answered.all)
		require.NoError(p, err)
		lost, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(p, err)
		assert.Empty(p, lost, "of %d commits that were acknowledged", len(answered.all))
	}
	p.Logf("%d commits were acknowledged", len(answered.all))
}

// writes commits one row after the other until the server is gone.
func writes(p *postgres, conn *pgx.Conn, prefix string, answered *acknowledged) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s-%d", prefix, i)
		if _, err := conn.Exec(p.Context(), "insert into written values ($1)", name); err != nil {
			return
		}
		answered.add(name)
	}
}

// losesNoMail kills the container while mail comes, at moments of chance.
func (m mail) losesNoMail() {
	random := rand.New(rand.NewPCG(enginetest.Seed(m.T), 0))
	m.account("zoe")
	var answered acknowledged
	for round := range enginetest.Rounds(m.T, 2) {
		address := m.address(1024)
		var senders sync.WaitGroup
		for sender := range 3 {
			senders.Go(func() {
				for i := 0; ; i++ {
					subject := fmt.Sprintf("Subject: taken %d-%d-%d", round, sender, i)
					err := handOver(address, "zoe@example.org", subject)
					if err == nil {
						answered.add(subject)
					} else if !errors.As(err, new(*smtp.SMTPError)) { // else it is put off, for the moment
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(random.Int64N(int64(time.Second)))) // the moment is what is tried here
		require.NoError(m, m.engine.ContainerKill(m.Context(), m.id, "SIGKILL"))
		_, err := m.engine.ContainerWait(m.Context(), m.id)
		require.NoError(m, err)
		senders.Wait()
		m.start()
		m.healthy()
	}
	kept := map[string]int{}
	for line := range strings.Lines(m.run("sh", "-c",
		"grep -rhs '^Subject: taken ' /srv/mail/example.org/zoe/Maildir/new /srv/mail/example.org/zoe/Maildir/cur").Stdout) {
		kept[strings.TrimSpace(line)]++
	}
	for _, subject := range answered.all {
		assert.Equal(m, 1, kept[subject], "%s of %d that were acknowledged", subject, len(answered.all))
	}
	m.Logf("%d mails were acknowledged", len(answered.all))
}

// handOver hands one mail over by LMTP. Its end is the yes.
func handOver(address, to, subject string) error {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return err
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	c.CommandTimeout, c.SubmissionTimeout = time.Minute, time.Minute
	if err := c.Mail("sender@example.net", nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, subject+"\r\n\r\nhello world\r\n"); err != nil {
		return err
	}
	return w.Close()
}
