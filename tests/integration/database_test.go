package integration_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/secret"
)

// hardPassword holds every character that a shell, a URL, a password file or Java takes for its own, and is
// longer than old clients read.
func hardPassword() secret.Value {
	return secret.Value(`p@s:s/w#r%d?&=+'"\$HOME {x};` + strings.Repeat("z", 152))
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			owner := startDatabase(t, enginetest.Open(t, kind))
			admin := connect(t, owner)
			for name, test := range map[string]func(*testing.T, database.Target, *pgx.Conn){
				"verify reports what it is and leaves nothing behind": verifyReports,
				"each failure has its own kind":                       failuresDiffer,
				"a connection that breaks off is told as such":        breaksOff,
				"a missing schema is named in every spelling":         schemaIsNamed,
				"a lock names its holder and ends with it":            lockNamesHolder,
				"a session is used again while it is good":            sessionsAreUsedAgain,
			} {
				t.Run(name, func(t *testing.T) { test(t, owner, admin) })
			}
		})
	}
}

// startDatabase starts the product's PostgreSQL in a container that lives as long as the test, and waits for it.
func startDatabase(t *testing.T, server container.Server) database.Target {
	t.Helper()
	_, target := startServer(t, server)
	return target
}

// startServer is startDatabase for those who also need the server's container. It keeps its data in memory and waits
// for no disk: what these tests ask, a disk has no part in.
func startServer(t *testing.T, server container.Server) (*container.Disposable, database.Target) {
	t.Helper()
	c, err := container.StartDisposable(t.Context(), server, container.DisposableSpec{
		Image: "localhost/poststack/postgres:latest", Ports: []uint16{5432},
		Env: map[string]string{
			"POSTGRES_USER": "app", "POSTGRES_DB": "mail", "POSTGRES_PASSWORD": hardPassword().Reveal(),
		},
		Command: []string{"postgres", "-c", "fsync=off", "-c", "max_wal_size=128MB"},
		Tmpfs:   []engine.Tmpfs{{Path: "/var/lib/postgresql"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	at, err := netip.ParseAddrPort(c.Address(5432))
	require.NoError(t, err)
	target := database.Target{
		Host: at.Addr().String(), Port: at.Port(), User: "app", Password: hardPassword(), Database: "mail",
		ConnectTimeout: time.Minute, // a busy machine may need longer than the default for one login
	}
	target, _, err = database.ReadURL(target.URL())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, health.Wait(ctx, health.SQL(target.Redacted(), target.Connect), health.Options{}))
	return c, target
}

// connect logs in until the test ends.
func connect(t *testing.T, target database.Target) *pgx.Conn {
	t.Helper()
	conn, err := target.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := conn.Exec(t.Context(), s)
		require.NoError(t, err, s)
	}
}

func verifyReports(t *testing.T, owner database.Target, admin *pgx.Conn) {
	report, err := verifyDatabase(t.Context(), owner)
	require.NoError(t, err)
	assert.Equal(t, owner.Redacted(), report.Target)
	assert.GreaterOrEqual(t, report.VersionNumber, 130000)
	assert.True(t, strings.HasPrefix(report.Version, fmt.Sprint(report.VersionNumber/10000)+"."), report.Version)
	assert.Positive(t, report.Latency)
	assert.Less(t, report.Latency, time.Minute)
	assert.WithinDuration(t, time.Now(), report.ServerTime, time.Minute)
	assert.True(t, report.Reached.Address.IsValid(), "the address that answered")
	report.Target, report.Version, report.VersionNumber, report.Latency, report.ServerTime, report.TimeZone = "", "", 0, 0,
		time.Time{}, ""
	report.Reached = database.Reached{}
	assert.Equal(t, database.Report{Encoding: "UTF8", User: "app", Database: "mail", Schema: "public", Writable: true},
		report)

	var left int
	require.NoError(t,
		admin.QueryRow(t.Context(), `select count(*) from pg_class where relname like 'poststack%'`).Scan(&left))
	assert.Zero(t, left)

	exec(t, admin, `create database latin encoding 'LATIN1' locale 'C' template template0`)
	owner.Database = "latin"
	report, err = verifyDatabase(t.Context(), owner)
	require.NoError(t, err)
	require.Len(t, report.Warnings, 1)
	assert.Contains(t, report.Warnings[0], "LATIN1")
	collationsDiffer(t, owner, admin)
}

// collationsDiffer records other versions than the server has, and mends them by what is said.
func collationsDiffer(t *testing.T, owner database.Target, admin *pgx.Conn) {
	t.Helper()
	owner.Database = "mail"
	exec(t, admin, `create database "odd name" locale_provider icu icu_locale 'en' locale 'C' template template0`,
		`update pg_database set datcollversion = '1' where datname in ('latin', 'odd name')`)
	report, err := verifyDatabase(t.Context(), owner)
	require.NoError(t, err)
	require.Len(t, report.Warnings, 2)
	assert.Contains(t, report.Warnings[0], `database "odd name" was sorted by collation version 1`)
	assert.Contains(t, report.Warnings[0], `alter database "odd name" refresh collation version`)
	assert.Contains(t, report.Warnings[1], "database latin has collation version 1 recorded")
	exec(t, admin, `alter database "odd name" refresh collation version`,
		report.Warnings[1][strings.LastIndex(report.Warnings[1], ": ")+2:])
	report, err = verifyDatabase(t.Context(), owner)
	require.NoError(t, err)
	assert.Empty(t, report.Warnings, "what was said mends it")
}

func failuresDiffer(t *testing.T, owner database.Target, admin *pgx.Conn) {
	exec(t, admin, `create role plain login password 'pw-plain'`,
		`create role full login password 'pw-full' connection limit 0`,
		`create role reader login password 'pw-reader'`, `alter role reader set default_transaction_read_only = on`,
		`create role nologin password 'pw-nologin'`, `create database private`,
		`revoke connect on database private from public`,
		`create database closed allow_connections false`, `grant create on schema public to reader`)
	as := func(user string, change ...func(*database.Target)) database.Target {
		target := owner
		target.User, target.Password = user, secret.Value("pw-"+user)
		for _, c := range change {
			c(&target)
		}
		return target
	}
	in := func(name string) func(*database.Target) { return func(t *database.Target) { t.Database = name } }
	mode := func(name string) func(*database.Target) { return func(t *database.Target) { t.SSLMode = name } }
	for name, tc := range map[string]struct {
		target database.Target
		want   database.Kind
		words  string
	}{
		"a wrong password":               {as("app"), database.Authentication, "28P01"},
		"a wrong password and no TLS":    {as("app", mode("disable")), database.Authentication, "28P01"},
		"a role that does not exist":     {as("nobody"), database.Authentication, "28P01"},
		"a role that may not log in":     {as("nologin"), database.Authentication, "28000"},
		"a database that does not exist": {as("plain", in("elsewhere")), database.NoDatabase, `"elsewhere" (SQLSTATE 3D000)`},
		"TLS where the server has none":  {as("plain", mode("require")), database.TLS, "no TLS"},
		"TLS comes before the password":  {as("nobody", mode("require")), database.TLS, "no TLS"},
		"no right to make tables":        {as("plain"), database.Permission, "42501"},
		"no right to connect":            {as("plain", in("private")), database.Permission, "42501"},
		"a database that takes no one":   {as("plain", in("closed")), database.Permission, "55000"},
		"no connection left":             {as("full"), database.TooMany, "53300"},
		"read-only":                      {as("reader"), database.ReadOnly, "25006"},
		"a port where no server listens": {as("plain").WithHost("127.0.0.1", 1), database.Refused, "nothing listens"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := verifyDatabase(t.Context(), tc.target)
			var failure *database.ConnectError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, tc.want, failure.Kind, err)
			assert.Contains(t, failure.Reason, tc.words)
			assert.NotEmpty(t, failure.Remedy)
			for _, s := range tc.target.Secrets() {
				assert.NotContains(t, err.Error(), s)
			}
		})
	}
}

// breaksOff resets the connection once the server has said so much: in the login, or in the midst of a query.
func breaksOff(t *testing.T, owner database.Target, _ *pgx.Conn) {
	most := 0
	for after := 1; ; after += 1 + after/4 {
		target, said := resetting(t, owner, after)
		_, err := verifyDatabase(t.Context(), target)
		if err == nil {
			assert.Greater(t, most, 1000, "it was cut off in the midst of queries, too")
			return
		}
		var failure *database.ConnectError
		require.ErrorAs(t, err, &failure, "after %d bytes", after)
		assert.Equal(t, database.Dropped, failure.Kind, "after %d bytes: %v", after, err)
		most = max(most, said())
	}
}

// resetting is the server behind a proxy that resets each connection once so many bytes have come from the server; said
// is how many have.
func resetting(t *testing.T, server database.Target, after int) (proxied database.Target, said func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	address := net.JoinHostPort(server.Host, fmt.Sprint(server.Port))
	var passed atomic.Int64
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				upstream, err := net.Dial("tcp", address)
				if err == nil {
					go func() { _, _ = io.Copy(upstream, client) }()
					n, _ := io.CopyN(client, upstream, int64(after))
					passed.Add(n)
					_ = upstream.Close()
				}
				_ = client.(*net.TCPConn).SetLinger(0) // a reset, not an end
				_ = client.Close()
			}()
		}
	}()
	proxied = server.WithHost("127.0.0.1", uint16(l.Addr().(*net.TCPAddr).Port))
	return proxied, func() int { return int(passed.Load()) }
}

func schemaIsNamed(t *testing.T, owner database.Target, admin *pgx.Conn) {
	tails := []string{
		"schema=hosting", "currentSchema=hosting", "search_path=hosting", "options=-c%20search_path%3Dhosting",
	}
	for _, exists := range []bool{false, true} {
		if exists {
			exec(t, admin, `create schema hosting`)
		}
		for _, tail := range tails {
			target, _, err := database.ReadURL(owner.URL() + "&" + tail)
			require.NoError(t, err, tail)
			report, err := verifyDatabase(t.Context(), target)
			if exists {
				require.NoError(t, err, tail)
				assert.Equal(t, "hosting", report.Schema, tail)
				continue
			}
			var failure *database.ConnectError
			require.ErrorAs(t, err, &failure, tail)
			assert.Equal(t, database.NoSchema, failure.Kind, tail)
			assert.Contains(t, err.Error(), `no schema "hosting"`, tail)
		}
	}
}

func lockNamesHolder(t *testing.T, owner database.Target, admin *pgx.Conn) {
	const key = -0x706f_7374_7374_6163
	owner.Application = "first"
	first, second := connect(t, owner), admin
	release, err := database.Lock(t.Context(), first, key)
	require.NoError(t, err)

	taken, err := database.Lock(t.Context(), second, key)
	require.NoError(t, err)
	require.Nil(t, taken, "another session has it")
	holders, err := database.LockHolders(t.Context(), second, key)
	require.NoError(t, err)
	require.Len(t, holders, 1)
	holder := holders[0]
	assert.Equal(t, int(first.PgConn().PID()), holder.PID)
	assert.Equal(t, "first", holder.Application)
	assert.Equal(t, "app", holder.User)
	assert.WithinDuration(t, time.Now(), holder.Since, time.Minute)

	for latest, listed := range map[time.Time]bool{{}: true, holder.Since: true, holder.Since.Add(-time.Second): false} {
		others, err := database.OtherWriters(t.Context(), second, "pg_class", latest)
		require.NoError(t, err)
		assert.Equal(t, listed, slices.Contains(others, holder), "connected before %s", latest)
	}

	require.NoError(t, release())
	again, err := database.Lock(t.Context(), second, key)
	require.NoError(t, err, "after the release")
	require.NoError(t, again())

	release, err = database.Lock(t.Context(), second, key)
	require.NoError(t, err)
	exec(t, second, `select pg_advisory_unlock_all()`)
	require.ErrorContains(t, release(), "this session does not hold it any more")

	_, err = database.Lock(t.Context(), first, key)
	require.NoError(t, err)
	require.NoError(t, first.Close(t.Context()))
	require.Eventually(t, func() bool {
		release, err := database.Lock(t.Context(), second, key)
		return err == nil && release() == nil
	}, time.Minute, 20*time.Millisecond, "after the holder has gone")
}

// verifyDatabase verifies target in a session of its own.
func verifyDatabase(ctx context.Context, target database.Target) (database.Report, error) {
	var none *database.Sessions
	return none.Verify(ctx, target)
}

func sessionsAreUsedAgain(t *testing.T, owner database.Target, admin *pgx.Conn) {
	var sessions database.Sessions
	t.Cleanup(func() { sessions.Close(context.Background()) })
	pid := func(s *database.Sessions, target database.Target, result error) (pid uint32) {
		t.Helper()
		err := s.Use(t.Context(), target, func(_ context.Context, conn *pgx.Conn) error {
			pid = conn.PgConn().PID()
			return result
		})
		require.Equal(t, result, err)
		return pid
	}
	first := pid(&sessions, owner, nil)
	assert.Equal(t, first, pid(&sessions, owner, nil))
	assert.NotEqual(t, first, pid(nil, owner, nil), "nil keeps nothing")

	report, err := sessions.Verify(t.Context(), owner)
	require.NoError(t, err)
	there := owner
	there.Reached = report.Reached
	assert.Equal(t, first, pid(&sessions, there, nil), "it went where the target is bound to now")
	there.Reached.Certificate = "another server's"
	assert.NotEqual(t, first, pid(&sessions, there, nil))

	first = pid(&sessions, owner, nil)
	assert.Equal(t, first, pid(&sessions, owner, context.Canceled))
	second := pid(&sessions, owner, nil)
	assert.NotEqual(t, first, second, "what has failed may have left something behind in its session")

	exec(t, admin, fmt.Sprintf("select pg_terminate_backend(%d, 5000)", second))
	assert.NotEqual(t, second, pid(&sessions, owner, nil), "one that was ended is not handed out")
}
