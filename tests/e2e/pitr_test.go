package e2e_test

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/tests/checkout"
)

// TestPITR takes a database back to known moments, and on again, from an archive in a directory.
func TestPITR(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		p := &recovered{backedUp{Checkout: checkout.New(t, kind), engine: enginetest.Open(t, kind)}}
		archive := filepath.Join(t.TempDir(), "archive")
		p.OK(t, "install")
		r := p.Mage(t, nil, "db:pitr", now(), "-yes")
		assert.Equal(t, 2, r.Code)
		assert.Contains(t, lastLine(r), "no archive is set")
		p.Write(t, "poststack.yaml", func(string) string { return "database: {archive: " + archive + "}\n" })
		p.OK(t, "db:start")
		p.name = "poststack-" + p.Stack(t)
		p.refuses(t, now(), "the archive has no base backup yet")
		assert.Regexp(t, `archive +behind +it has no base backup yet`, p.OK(t, "status").Stdout)
		early := now()
		made := document[stack.BackupData](t, p.Mage(t, asked(), "db:backup", "-base"))
		assert.NotEmpty(t, made.Base)
		p.refuses(t, early, "is before the oldest base backup")
		p.refuses(t, time.Now().Add(time.Hour).Format(time.RFC3339), "is in the future")
		p.refuses(t, "yesterday", "is no time")

		p.write(t, "create table kept (what text)", "insert into kept values ('A')")
		between := p.moment(t)
		p.write(t, "insert into kept values ('B')")
		t.Run("one that is killed leaves the database", func(t *testing.T) { p.killed(t, between) })
		t.Run("it goes back, and on, and where it came from", func(t *testing.T) { p.goesBack(t, between) })
		t.Run("what a server that crashed has kept to itself stays", p.crashed)
		t.Run("a restore begins another database, and the archive has both", func(t *testing.T) { p.restores(t, made.File) })
		t.Run("an archive that takes nothing is told of", func(t *testing.T) { p.fails(t, archive) })
	})
}

// recovered is a checkout whose database has an archive.
type recovered struct{ backedUp }

// now is this moment, as people write it.
func now() string { return time.Now().Format(time.RFC3339Nano) }

// moment is one between what is written before and after.
func (p *recovered) moment(t *testing.T) (at string) {
	t.Helper()
	var clock time.Time
	require.NoError(t, connect(t, p.URL(t)).QueryRow(t.Context(), `select clock_timestamp()`).Scan(&clock))
	return clock.Format(time.RFC3339Nano)
}

func (p *recovered) write(t *testing.T, statements ...string) {
	t.Helper()
	conn := connect(t, p.URL(t))
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
}

// kept is what the table holds.
func (p *recovered) kept(t *testing.T) (what string) {
	t.Helper()
	require.NoError(t,
		connect(t, p.URL(t)).QueryRow(t.Context(), `select string_agg(what, '' order by what) from kept`).Scan(&what))
	return what
}

// refuses asks for a time that there is no way to.
func (p *recovered) refuses(t *testing.T, at, why string) {
	t.Helper()
	before := p.volumes(t)
	r := p.Mage(t, nil, "db:pitr", at, "-yes")
	assert.Equal(t, 2, r.Code)
	assert.Contains(t, lastLine(r), why)
	assert.Contains(t, lastLine(r), "nothing was changed")
	assert.Equal(t, before, p.volumes(t))
}

func (p *recovered) killed(t *testing.T, at string) {
	before := p.volumes(t)
	started, err := p.engine.ContainerInspect(t.Context(), p.name+"-postgres")
	require.NoError(t, err)
	r := checkout.Begin(t, p.Compiled(nil, "db:pitr", at, "-yes"), false)
	require.Eventually(t, func() bool { return len(p.volumes(t)) > len(before) }, time.Minute, 10*time.Millisecond)
	require.NoError(t, r.Cmd.Process.Signal(syscall.SIGKILL))
	assert.Equal(t, 128+int(syscall.SIGKILL), r.Wait(t), r.Output())
	assert.Eventually(t, func() bool { return len(p.volumes(t)) == len(before) }, time.Minute, 50*time.Millisecond)
	served, err := p.engine.ContainerInspect(t.Context(), p.name+"-postgres")
	require.NoError(t, err)
	assert.Equal(t, started.Started, served.Started, "the database has served all the time")
	assert.Equal(t, "AB", p.kept(t))
	p.OK(t, "db:start")
	assert.Equal(t, before, p.volumes(t))
}

func (p *recovered) crashed(t *testing.T) {
	before := p.volumes(t)
	at := p.moment(t)
	p.write(t, "insert into kept values ('E')")
	p.switchLog(t)
	require.Eventually(t, func() bool {
		var pushed bool
		conn := connect(t, p.URL(t))
		require.NoError(t, conn.QueryRow(t.Context(),
			`select coalesce(last_archived_time > $1::timestamptz, false) from pg_stat_archiver`, at).Scan(&pushed))
		return pushed
	}, time.Minute, 100*time.Millisecond)
	engineOutput(t, p.engine.Info().Kind, "kill", p.name+"-postgres")
	r := p.Mage(t, nil, "db:pitr", at, "-yes")
	require.Zero(t, r.Code, r.Stderr)
	assert.Contains(t, r.Stderr, "stays, since the archive may lack what was written last")
	assert.NotContains(t, p.kept(t), "E")
	assert.Subset(t, p.volumes(t), before)
	require.NoError(t, p.engine.VolumeRemove(t.Context(), before[0]))
}

func (p *recovered) goesBack(t *testing.T, between string) {
	to := func(at string) stack.RecoveredData {
		return document[stack.RecoveredData](t, p.Mage(t, asked(), "db:pitr", at, "-yes"))
	}
	first := to(between)
	assert.Equal(t, "A", p.kept(t))
	assert.Equal(t, int64(1), first.Rows)
	assert.Len(t, p.volumes(t), 1, "the former volume is gone")
	assert.Empty(t, p.disposable(t))

	p.write(t, "insert into kept values ('C')")
	later := p.moment(t)
	require.NotNil(t, first.Before)
	to(first.Before.Format(time.RFC3339Nano))
	assert.Equal(t, "AB", p.kept(t), "what was there before")
	p.write(t, "insert into kept values ('D')")
	to(later)
	assert.Equal(t, "AC", p.kept(t), "and what came then")
	assert.Regexp(t, `archive +takes the log`, p.OK(t, "status").Stdout)
}

func (p *recovered) restores(t *testing.T, file string) {
	before := p.moment(t)
	p.OK(t, "db:restore", file, "-yes") // which ends with a base backup
	p.OK(t, "db:pitr", before, "-yes")
	assert.Equal(t, "AC", p.kept(t))
	p.write(t, "create table last ()")
	p.OK(t, "down")
	r := p.Mage(t, nil, "db:pitr", now(), "-yes")
	assert.Equal(t, 5, r.Code, "nothing was committed since, and nobody is there to do so")
	assert.Regexp(t, "last completed transaction was at log time .* name an earlier one.*; all is as it was", lastLine(r))
	p.OK(t, "db:start")
}

// switchLog has the server end the present file of its log, so that it is one for the archive.
func (p *recovered) switchLog(t *testing.T) {
	t.Helper()
	conn := connect(t, p.URL(t))
	var super string
	require.NoError(t, conn.QueryRow(t.Context(), `select rolname from pg_roles where oid = 10`).Scan(&super))
	c, err := p.engine.ContainerInspect(t.Context(), p.name+"-postgres")
	require.NoError(t, err)
	res, err := p.engine.ContainerExec(t.Context(), c.ID, engine.ExecSpec{
		Command: []string{"psql", "--username=" + super, "--dbname=postgres", "--command=select pg_switch_wal()"},
	})
	require.NoError(t, err)
	require.Zero(t, res.Code, res.Stderr)
}

// fails takes the archive away, as a disk that has gone does.
func (p *recovered) fails(t *testing.T, archive string) {
	in := filepath.Join(archive, "archive")
	require.NoError(t, os.Rename(in, in+".away"))
	p.write(t, "insert into kept values ('E')")
	p.switchLog(t)
	conn := connect(t, p.URL(t))
	require.Eventually(t, func() bool {
		var failed int
		require.NoError(t, conn.QueryRow(t.Context(), `select failed_count from pg_stat_archiver`).Scan(&failed))
		return failed > 0
	}, time.Minute, 100*time.Millisecond)
	assert.Regexp(t, `archive +behind +it did not take`, p.OK(t, "status").Stdout)
	assert.Regexp(t, `archive +warning +it did not take`, p.Mage(t, nil, "doctor").Stdout)
	require.NoError(t, os.Rename(in+".away", in))
	p.OK(t, "db:backup", "-base")
	assert.Regexp(t, `archive +takes the log`, p.OK(t, "status").Stdout)
}

// TestPITR_s3 has the archive in a bucket.
func TestPITR_s3(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		p := &recovered{backedUp{Checkout: checkout.New(t, kind), engine: enginetest.Open(t, kind)}}
		p.OK(t, "db:start") // the engine has an address of this machine then
		const secret = "planted-s3-Xw4vN8kq"
		file := filepath.Join(t.TempDir(), "archive.conf")
		require.NoError(t, os.WriteFile(file, []byte(bucket(t)+"repo1-s3-key=AKIAEXAMPLE\nrepo1-s3-key-secret="+secret+
			"\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass="+secret+"\n"), 0o600))
		p.Write(t, "poststack.yaml", func(string) string { return "database: {archive: " + file + "}\n" })
		seen := watchProcesses(t)
		said := p.OK(t, "db:start", "db:backup", "-base")
		p.write(t, "create table kept (what text)", "insert into kept values ('A')")
		between := p.moment(t)
		p.write(t, "insert into kept values ('B')")
		recovery := p.OK(t, "db:pitr", between, "-yes")
		assert.Equal(t, "A", p.kept(t))
		places := seen()
		for _, what := range []string{"inspect", "logs"} {
			places[what] = engineOutput(t, kind, what, "poststack-"+p.Stack(t)+"-postgres")
		}
		places["what was printed"] = said.Stdout + said.Stderr + recovery.Stdout + recovery.Stderr
		for place, text := range places {
			assert.NotContains(t, text, secret, place)
		}
		p.OK(t, "reset", "-yes") // before the bucket goes: a server that stops waits for its archive
	})
}

// bucket serves an empty one by TLS, and is what pgBackRest is told of it.
func bucket(t *testing.T) string {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("archive"))
	host := outerAddress(t)
	dir := t.TempDir()
	names := certificate.Names{DNS: []string{host}} // pgBackRest compares names alone
	authority := certificate.Authority{Dir: dir, Name: "tests", Server: names}
	_, err := authority.Renew(time.Now())
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, certificate.ChainFile), filepath.Join(dir, certificate.KeyFile))
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(gofakes3.New(backend).Server())
	require.NoError(t, server.Listener.Close())
	server.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	return strings.Join([]string{
		"repo1-type=s3", "repo1-s3-bucket=archive", "repo1-s3-region=here", "repo1-s3-uri-style=path", "repo1-path=/mail",
		"repo1-s3-endpoint=" + host, "repo1-storage-port=" + port,
		"repo1-storage-ca-file=" + filepath.Join(dir, certificate.RootFile), "",
	}, "\n")
}

// outerAddress is one of this machine that containers reach, too.
func outerAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	t.Fatal("this machine has no address of IPv4 but its own loopback")
	return ""
}
