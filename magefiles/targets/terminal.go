package targets

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/stack"
)

// lastLines is how much of a log is shown when nobody says how much.
const lastLines = 50

// Logs shows the end of a log, or follows it. There is one of each container of the stack, build of an image
// (build:base), operation of Liquibase (liquibase:update), and of the last run (run). Without -of it is that of the
// database, or else of the last run; an unknown name lists all. -last=0 shows everything. Secrets are masked.
// Example: mage logs -of=postgres -last=20 -follow
func Logs(ctx context.Context, of *string, last *int, follow *bool) error {
	o := stack.LogsOptions{Of: orZero(of), Last: lastLines, Follow: orZero(follow)}
	if last != nil {
		o.Last = *last
	}
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.ShowLogs(ctx, o) })
}

// Psql opens psql on the database in use, with its password already given. It takes the client of this machine, or
// else the one in the image of PostgreSQL, and ends with its exit status. With -command='select 1' it runs that and
// ends. It starts no database. Setting: DATABASE_URL. Example: mage psql
func Psql(ctx context.Context, command *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.Psql(ctx, orZero(command)) })
}

// Shell opens bash in the running container of an image such as postgres. If none runs, it makes a disposable
// container, which is removed when the shell ends. It ends with the exit status of the shell. Example: mage shell
// postgres
func Shell(ctx context.Context, name string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.Shell(ctx, name) })
}

// orZero reads one of mage's optional flags: without it, the value is the empty one.
func orZero[T any](flag *T) T {
	if flag == nil {
		var zero T
		return zero
	}
	return *flag
}

// terminal is this process's own. Its programs do not see libpq's variables, of which PGPASSWORD would win over
// the password that psql is given, and PGOPTIONS would give it another schema.
func terminal() runner.Terminal {
	environ := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "PG") })
	return runner.Terminal{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: environ}
}
