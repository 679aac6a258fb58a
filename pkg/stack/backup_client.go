package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
)

// client is a container that has PostgreSQL's client programs, and how they name the database.
type client struct {
	inside
	dbname string
	super  bool // it asks as a superuser whom only programs in that container can be
}

// counted runs the program $@ and tells the digest of what it printed as the last line of stderr: engines have been
// seen to lose the end of a stream, with an exit status of 0.
const counted = `set -o pipefail
exec 3> >(sha256sum >&2)
digest=$!
"$@" | tee /dev/fd/3 || { code=$?; kill "$digest"; exit "$code"; }
exec 3>&-
wait "$digest"`

// named has a program of PostgreSQL's ask the database.
func (c *client) named(program []string) []string {
	return append(program, "--no-password", "--dbname="+c.dbname)
}

// run runs a program that asks the database, and passes on all that it prints.
func (c *client) run(ctx context.Context, out io.Writer, program ...string) error {
	return c.print(ctx, out, c.named(program)...)
}

// inside is a container for programs to run in.
type inside struct {
	*Stack
	engine Engine
	id     engine.ContainerID
}

// print runs a program and passes on what it prints, which is known to be all of it when print returns nil.
func (c inside) print(ctx context.Context, out io.Writer, program ...string) error {
	command := c.engine.ExecCommand(c.id, engine.ExecSpec{
		Command: append([]string{"bash", "-c", counted, program[0]}, program...),
	}, false)
	of := sha256.New()
	command.Stdout = io.MultiWriter(of, out)
	res, err := c.Runner.Run(ctx, command)
	if err != nil {
		return fmt.Errorf("run %s: %w", program[0], err)
	}
	lines := strings.Fields(res.Stderr)
	if len(lines) < 2 || lines[len(lines)-2] != hex.EncodeToString(of.Sum(nil)) {
		return fmt.Errorf("run %s: %s passed on something else than it printed", program[0], c.engine.Info().Kind)
	}
	return nil
}

// read runs a program that reads in. A failure of in is the error then: the program only sees it end early.
func (c inside) read(ctx context.Context, in io.Reader, program ...string) error {
	source := &source{from: in}
	command := c.engine.ExecCommand(c.id, engine.ExecSpec{Command: program}, false)
	command.Stdin = source
	_, err := c.Runner.Run(ctx, command)
	if source.err != nil {
		return source.err
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", program[0], err)
	}
	return nil
}

// source remembers why it could not be read.
type source struct {
	from io.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// localName is how programs in the server's container name the database: over its socket, with the login that is there.
func localName(t database.Target) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	return fmt.Sprintf("user='%s' dbname='%s'", quote.Replace(t.User), quote.Replace(t.Database))
}

// programs has programs that read the database while do lasts. They read our own as its superuser, who signs in inside
// the container alone; as the target's user what is not our own, a trial, and a database that was made when that user
// was the superuser. That is from a disposable container, which has the password in a file.
func (b *taking) programs(ctx context.Context, conn *pgx.Conn, do func(*client) error) error {
	super := b.target
	if b.server != "" {
		if err := conn.QueryRow(ctx, bootstrapSQL).Scan(&super.User); err != nil {
			return err
		}
	}
	if super.User != b.target.User {
		return do(&client{inside: inside{b.Stack, b.engine, b.server}, dbname: localName(super), super: true})
	}
	spec, target, err := b.clientSpec(b.target)
	if err != nil {
		return err
	}
	spec.Image = b.image
	return idle(ctx, b.engine, postgresImage, spec, func(id engine.ContainerID) error {
		return do(&client{inside: inside{b.Stack, b.engine, id}, dbname: target.Redacted()})
	})
}

// ask has a query answered as text, at the moment that another session keeps.
func (c *client) ask(ctx context.Context, m snapshot, query string) (string, error) {
	var out bytes.Buffer
	err := c.run(ctx, &out, "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1",
		"--command=begin read only, isolation level repeatable read",
		"--command=set transaction snapshot "+quoteText(m.id), "--command="+query)
	return out.String(), err
}

// roles is what makes the roles of a database of owner: see [rolesSQL].
func (c *client) roles(ctx context.Context, m snapshot, owner string, ours bool, without []string) (string, error) {
	if !c.super {
		return m.roles(ctx, owner, ours, without)
	}
	text, err := c.ask(ctx, m, rolesQuery("pg_authid", owner, ours, without))
	if err != nil {
		return "", fmt.Errorf("read roles: %w", err)
	}
	return text, nil
}

// count counts the rows of each table.
func (c *client) count(ctx context.Context, m snapshot) (counts map[string]int64, err error) {
	if !c.super {
		return countRows(ctx, m.tx)
	}
	text, err := c.ask(ctx, m, `select coalesce(json_object_agg(n.nspname || '.' || c.relname,
		(xpath('/row/n/text()', query_to_xml(format('select count(*) as n from only %I.%I', n.nspname, c.relname),
		false, true, '')))[1]::text::bigint), '{}')`+tablesSQL)
	if err == nil {
		err = json.Unmarshal([]byte(text), &counts)
	}
	if err != nil {
		return nil, fmt.Errorf("count rows: %w", err)
	}
	return counts, nil
}
