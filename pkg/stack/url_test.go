package stack_test

import (
	"context"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
)

func printURL(passfile bool) func(*stack.Stack, context.Context) error {
	return func(s *stack.Stack, ctx context.Context) error { return s.PrintURL(ctx, passfile) }
}

func TestStack_PrintURL_passfile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.config.Database.URL = "postgres://app:s3cr3t%3Apw@db.example/mail?sslmode=require"
	for range 2 { // again, it is the same
		j, err := b.phase(t, printURL(true))
		require.NoError(t, err)
		report := j.last(t, event.Result).Report
		file := b.state(t, "pgpass")
		assert.Equal(t, "postgresql://app@db.example:5432/mail?sslmode=require&passfile="+encodePath(file), report.Text)
		data, ok := report.Data.(stack.URLData)
		require.True(t, ok)
		assert.Equal(t, file, data.PassFile)
		assert.Equal(t, "db.example:5432:mail:app:s3cr3t\\:pw\n", read(t, file))
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.EqualValues(t, 0o600, info.Mode().Perm())

		again := newBench(t)
		again.config.Database.URL = secret.Value(report.Text)
		s, ctx, _ := again.open(t)
		target, err := s.Target(ctx)
		require.NoError(t, err, "what was printed can be DATABASE_URL")
		assert.Equal(t, "s3cr3t:pw", target.Password.Reveal())
	}
	b.config.Database.URL = "postgres://app@db.example/mail"
	j, err := b.phase(t, printURL(true))
	require.NoError(t, err)
	assert.Equal(t, "postgresql://app@db.example:5432/mail?sslmode=prefer",
		j.last(t, event.Result).Report.Text, "no password, no file")
}

func encodePath(path string) string {
	out := ""
	for _, c := range path { // no other character of a test directory needs it
		if c == '/' {
			out += "%2F"
		} else {
			out += string(c)
		}
	}
	return out
}

func TestStack_CheckMigration(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		url  secret.Value
		want string
	}{
		"the own database":      {"", ""},
		"one that is reachable": {"postgres://app:pw@db.example/mail", ""},
		"a socket in the query": {
			"postgresql:///mail?host=/run/pg&user=app",
			"is a Unix socket, which Liquibase's container cannot reach; let the server listen on TCP",
		},
		"a socket as the host": {"postgresql://app@%2Frun%2Fpg/mail", "is a Unix socket"},
		"a socket in words":    {"host=/run/pg dbname=mail user=app", "is a Unix socket"},
		"a driver of Python's": {"postgresql+psycopg2://app@h/mail", "names a driver"},
		"quotes":               {"'postgresql://app@h/mail'", "begins with a quote"},
		"a file that is not":   {"postgresql://app@h/mail?passfile=/none/pgpass", "read passfile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.config.Database.URL = tc.url
			_, err := b.phase(t, (*stack.Stack).CheckMigration)
			assert.Empty(t, b.engine.Calls())
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "DATABASE_URL: ")
			require.ErrorContains(t, err, tc.want)
			assert.Equal(t, 2, stack.ExitStatus(err))
		})
	}
}

func TestStack_VerifyDatabase_says_what_of_the_URL_is_left_out(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	b := newBench(t)
	b.config.Database.URL = secret.Value("postgres://app:pw@" + l.Addr().String() + "/mail?pgbouncer=true")
	j, err := b.phase(t, (*stack.Stack).VerifyDatabase)
	require.Error(t, err, "nobody listens there")
	assert.Equal(t,
		[]string{
			"DATABASE_URL: parameter pgbouncer is left out: it is about a pool of connections, and this is one connection",
		},
		j.texts(event.Notice))
	for _, operate := range []func(*stack.Stack, context.Context) error{
		(*stack.Stack).UpdateSchema, (*stack.Stack).SchemaStatus,
	} {
		socket := newBench(t)
		socket.config.Database.URL = secret.Value("postgresql:///mail?user=app&host=" + t.TempDir())
		_, err := socket.phase(t, operate)
		require.ErrorContains(t, err, "is a Unix socket")
		assert.Equal(t, 2, stack.ExitStatus(err))
	}
}
