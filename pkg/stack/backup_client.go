package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
)

// client is a container that has PostgreSQL's client programs, and how they name the database.
type client struct {
	inside
	dbname string
	super  bool // it asks as a superuser whom only programs in that container can be
}

// client starts a disposable container of an image for programs that ask target. The password goes in as a file.
func (s *Stack) client(ctx context.Context, e Engine, ref engine.Ref, target database.Target) (*client, error) {
	spec, target, err := s.clientSpec(target)
	if err != nil {
		return nil, err
	}
	spec.Image = ref
	c := &client{inside: inside{Stack: s, engine: e}, dbname: target.Redacted()}
	c.id, err = startIdle(ctx, e, postgresImage, spec)
	return c, err
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

// feed runs a program that fills the database with what it reads.
func (c *client) feed(ctx context.Context, in io.Reader, program ...string) error {
	return c.read(ctx, in, c.named(program)...)
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
