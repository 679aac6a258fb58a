package faults_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/tests/checkout"
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

// kill ends the first process of a service by SIGKILL, as a machine without memory does: not by the engine, which would
// take it for a wish.
func (x *trial) kill(service string) {
	x.Helper()
	c := x.container(x.T, service)
	pid, err := strconv.Atoi(engineOutput(x.T, x.engine, "inspect", "--format", "{{.State.Pid}}", c.Name))
	require.NoError(x, err)
	require.Positive(x, pid)
	require.NoError(x, syscall.Kill(pid, syscall.SIGKILL))
	x.Logf("killed %s, process %d", service, pid)
}

// returns waits until a service that was killed serves again by itself; otherwise the next set-up is asked.
func (x *trial) returns(service string, killed time.Time, serves func() error) {
	x.Helper()
	for err := serves(); err != nil; err = serves() {
		if time.Since(killed) > time.Minute {
			x.help("%s does not serve a minute after it was killed: %v", service, err)
			x.OK(x.T, "setup")
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	x.Logf("%s serves again after %.1f s", service, time.Since(killed).Seconds())
}

// postgresKilled kills the database while clients write, at a moment of chance.
func (x *trial) postgresKilled() {
	x.whileWritten(func() {
		time.Sleep(time.Duration(x.random.Int64N(int64(time.Second)))) // the moment is what is tried here
		x.kill("postgres")
	})
}

// postgresOutOfMemory has a client of the database ask for more memory than its container may have, while others write:
// the kernel kills what has the most of it.
func (x *trial) postgresOutOfMemory() {
	x.whileWritten(func() {
		events := x.limitMemory("postgres", 256<<20)
		_, err := checkout.Connect(x.T, x.url).Exec(x.Context(),
			`select array_agg(repeat(md5(n::text), 1000000)) from generate_series(1, 20) n`) // 640 MB
		require.Error(x, err)
		x.Logf("the one that asks for memory: %v", err)
		if group, err := os.ReadFile(events); err == nil { // else all of the container was killed
			require.Regexp(x, `(?m)^oom_kill [1-9]`, string(group), "the kernel has killed")
		}
	})
}

// limitMemory leaves a service that runs so much memory, in bytes, for this try. The kernel counts in a file whom it
// kills for it.
func (x *trial) limitMemory(service string, most int64) (events string) {
	x.Helper()
	pid := engineOutput(x.T, x.engine, "inspect", "--format", "{{.State.Pid}}", x.container(x.T, service).Name)
	text, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	require.NoError(x, err)
	for line := range strings.Lines(string(text)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		dir, limit, unlimited, events := filepath.Join("/sys/fs/cgroup", part[2]), "memory.max", "max", "memory.events"
		if part[1] == "memory" { // version 1
			dir, limit = filepath.Join("/sys/fs/cgroup/memory", part[2]), "memory.limit_in_bytes"
			unlimited, events = "-1", "memory.oom_control"
		}
		file := filepath.Join(dir, limit)
		if err := os.WriteFile(file, []byte(strconv.FormatInt(most, 10)), 0o644); err != nil {
			continue // that of another controller
		}
		x.Cleanup(func() { _ = os.WriteFile(file, []byte(unlimited), 0o644) }) // it may go with its container
		return filepath.Join(dir, events)
	}
	require.Fail(x, "no group of the service has memory", "%s", text)
	return ""
}

// whileWritten has clients write while the database breaks off.
func (x *trial) whileWritten(breaks func()) {
	x.Helper()
	before := x.state(x.T)
	x.sql(x.T, "create table if not exists written (name text primary key)")
	x.sql(x.T, "truncate written")
	x.Cleanup(func() { x.dropWritten() })
	var answered acknowledged
	var writers sync.WaitGroup
	for writer := range 4 {
		conn := checkout.Connect(x.T, x.url)
		writers.Go(func() { x.writes(conn, fmt.Sprint(writer), &answered) })
	}
	breaks()
	killed := time.Now()
	writers.Wait()
	for _, service := range []string{"nginx", "bind"} {
		if err := x.asks(x.T, service); err != nil {
			x.lose("an answer of %s without the database: %v", service, err)
		}
	}
	x.returns("postgres", killed, x.answers)
	rows, err := checkout.Connect(x.T, x.url).Query(x.Context(),
		"select unnest($1::text[]) except select name from written", answered.all)
	require.NoError(x, err)
	lost, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(x, err)
	for _, name := range lost {
		x.lose("commit %s of %d that were acknowledged", name, len(answered.all))
	}
	x.Logf("%d commits were acknowledged", len(answered.all))
	x.keeps(before)
}

// answers asks the database.
func (x *trial) answers() error {
	conn, err := pgx.Connect(x.Context(), x.url)
	if err != nil {
		return err
	}
	return conn.Close(x.Context())
}

func (x *trial) dropWritten() {
	ctx := context.WithoutCancel(x.Context())
	conn, err := pgx.Connect(ctx, x.url)
	require.NoError(x, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "drop table written")
	require.NoError(x, err)
}

// writes commits one row after the other until the server is gone.
func (x *trial) writes(conn *pgx.Conn, prefix string, answered *acknowledged) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s-%d", prefix, i)
		if _, err := conn.Exec(x.Context(), "insert into written values ($1)", name); err != nil {
			return
		}
		answered.add(name)
	}
}

// dovecotKilled kills the mail server while mail comes, at a moment of chance.
func (x *trial) dovecotKilled() {
	address := x.lmtp(x.T)
	before := x.state(x.T)
	var answered acknowledged
	var senders sync.WaitGroup
	for sender := range 3 {
		senders.Go(func() {
			for i := 0; ; i++ {
				subject := fmt.Sprintf("Subject: taken %d-%d-%d", x.number, sender, i)
				err := handOver(address, "zoe@example.org", subject)
				if err == nil {
					answered.add(subject)
				} else if !errors.As(err, new(*smtp.SMTPError)) { // else it is put off, for the moment
					return
				}
			}
		})
	}
	time.Sleep(time.Duration(x.random.Int64N(int64(time.Second)))) // the moment is what is tried here
	x.kill("dovecot")
	killed := time.Now()
	senders.Wait()
	for _, service := range []string{"nginx", "bind"} {
		if err := x.asks(x.T, service); err != nil {
			x.lose("an answer of %s without dovecot: %v", service, err)
		}
	}
	x.returns("dovecot", killed, func() error { return x.asks(x.T, "dovecot") })
	kept := map[string]int{}
	res, err := x.engine.ContainerExec(x.Context(), x.container(x.T, "dovecot").ID, engine.ExecSpec{Command: []string{
		"sh", "-c", "grep -rhs '^Subject: taken ' " + filepath.Join("/srv/mail", "example.org", "zoe", "Maildir") + "/new " +
			"/srv/mail/example.org/zoe/Maildir/cur",
	}})
	require.NoError(x, err)
	for line := range strings.Lines(res.Stdout) {
		kept[strings.TrimSpace(line)]++
	}
	for _, subject := range answered.all {
		if kept[subject] != 1 {
			x.lose("%s, which is there %d times, of %d that were acknowledged", subject, kept[subject], len(answered.all))
		}
	}
	x.Logf("%d mails were acknowledged", len(answered.all))
	x.keeps(before)
}
