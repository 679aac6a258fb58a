package faults_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/tests/checkout"
)

// serviceKilled kills the first process of a service: it comes back by itself, and the others serve meanwhile.
func (x *trial) serviceKilled() {
	before := x.state(x.T)
	all := []string{"nginx", "bind", "dovecot"}
	// Each in its turn: podman does not start a container again that ends while it is still busy with having done so.
	service := all[x.number%len(all)]
	x.kill(service)
	killed := time.Now()
	x.others(all, service)
	x.returns(service, killed, func() error { return x.asks(x.T, service) })
	x.keeps(before)
}

// others asks all services but one.
func (x *trial) others(all []string, but string) {
	x.Helper()
	for _, service := range all {
		if service == but {
			continue
		}
		if err := x.asks(x.T, service); err != nil {
			x.lose("an answer of %s without %s: %v", service, but, err)
		}
	}
}

// containerEnded ends containers as an administrator does who knows nothing of Poststack.
func (x *trial) containerEnded() {
	before := x.state(x.T)
	how := [][]string{{"kill"}, {"stop"}, {"rm", "--force", "--volumes"}, {"pause"}}[x.random.IntN(4)]
	for _, service := range []string{"nginx", "bind", "dovecot", "postgres"} {
		if x.random.IntN(2) == 0 {
			x.Log(how, service)
			engineOutput(x.T, x.engine, append(slices.Clone(how), "poststack-"+x.name+"-"+service)...)
			if how[0] == "kill" {
				break // podman takes networks down later; two at once leave rules of the firewall (netavark 1.4)
			}
		}
	}
	x.recovers(before)
}

// postgresGone stops the database: what is served without it is served on, and mail is put off, not refused.
func (x *trial) postgresGone() {
	before := x.state(x.T)
	address := x.lmtp(x.T)
	c := x.container(x.T, "postgres")
	require.NoError(x, x.engine.ContainerStop(x.Context(), c.ID, time.Minute))
	for range 3 {
		x.others([]string{"nginx", "bind"}, "postgres")
		err := handOver(address, "zoe@example.org", "Subject: while it is away")
		var answer *smtp.SMTPError
		if errors.As(err, &answer) && answer.Code >= 500 {
			x.lose("a mail that was refused while the database is away: %v", err)
		}
	}
	engineOutput(x.T, x.engine, "start", c.Name)
	x.returns("the database", time.Now(), x.answers)
	x.keeps(before)
}

// badRows has rows that no service can serve, which came by SQL: all others are served, and what is added after them.
func (x *trial) badRows() {
	before := x.state(x.T)
	x.sql(x.T, `insert into domains (name, serves_web, web_root) values ('bad.example', true, '/etc');
		insert into dns_zones (name, primary_ns, hostmaster) values ('bad.example', 'ns1.example.net', 'a@example.org');
		insert into dns_records (zone_id, name, type, content) select id, 'bad', 'TLSA', '3 1 1 xyz' from dns_zones
			where name = 'bad.example';
		insert into domains (name, serves_web) values ('good.example', true);
		insert into dns_zones (name, primary_ns, hostmaster) values ('good.example', 'ns1.example.net', 'a@example.org');
		insert into dns_records (zone_id, name, type, content) select id, '@', 'A', '192.0.2.3' from dns_zones
			where name = 'good.example';
		insert into accounts (domain_id, local_part, password_hash) select domain_id, 'good', password_hash from accounts`)
	for name, served := range map[string]func() error{
		"a web site": func() error {
			status, text, err := x.page(x.T, "good.example")
			if err == nil && status == http.StatusMisdirectedRequest {
				err = errors.New(text)
			}
			return err
		},
		"a zone":    func() error { return x.record(x.T, "good.example.") },
		"a mailbox": func() error { return handOver(x.lmtp(x.T), "good@example.org", "Subject: good") },
	} {
		if !assert.Eventually(x, func() bool { return served() == nil }, time.Minute, 50*time.Millisecond) {
			x.lose("%s beside a bad row: %v", name, served())
		}
	}
	x.sql(x.T, `delete from dns_zones where name like '%.example'; delete from domains where name like '%.example';
		delete from accounts where local_part = 'good'`)
	x.keeps(before)
}

// dataFull leaves no room for the database: what was acknowledged stays, and it serves again by itself once there is
// some.
func (x *trial) dataFull() {
	first := x.bare.With("POSTSTACK_STACK=" + x.name + "-room")
	volume := "poststack-" + x.name + "-room-data"
	require.NoError(x, x.engine.VolumeCreate(x.Context(), volume, nil))
	place := engineOutput(x.T, x.engine, "volume", "inspect", "--format", "{{.Mountpoint}}", volume)
	unmount := x.mounts("tmpfs", place, "tmpfs", 0, "size=120m")
	x.Cleanup(func() {
		assert.NoError(x, first.Compiled(nil, "reset", "-yes").Run())
		unmount()
		assert.NoError(x, x.engine.VolumeRemove(context.WithoutCancel(x.Context()), volume))
	})
	x.goesOn(first, "setup")
	url := first.URL(x.T)
	conn := checkout.Connect(x.T, url)
	_, err := conn.Exec(x.Context(), `create table kept (n int, filler text);
		alter table kept alter filler set storage external`)
	require.NoError(x, err)
	answered := 0
	for err == nil {
		_, err = conn.Exec(x.Context(), `insert into kept values ($1, repeat('x', 500000))`, answered+1)
		if err == nil {
			answered++
		}
	}
	x.Logf("%d rows were acknowledged; then: %v", answered, err)
	require.NoError(x, unix.Mount("", place, "", unix.MS_REMOUNT, "size=400m"))
	roomy := time.Now()
	x.returns("the database", roomy, func() error {
		conn, err := pgx.Connect(x.Context(), url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(x.Context(), `insert into kept values (0, 'again')`)
		return errors.Join(err, conn.Close(x.Context()))
	})
	var kept int
	require.NoError(x, checkout.Connect(x.T, url).QueryRow(x.Context(),
		`select count(*) from kept where n between 1 and $1`, answered).Scan(&kept))
	if kept < answered {
		x.lose("%d of %d rows that were acknowledged", answered-kept, answered)
	}
}
