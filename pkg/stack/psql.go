package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/session"
)

// Psql runs psql on the database in use: this machine's, or else the one in PostgreSQL's image. With a command
// it runs that and ends. It starts no database. An exit status of psql other than 0 is an [EndedError].
func (s *Stack) Psql(ctx context.Context, command string) error {
	args := []string{}
	if command != "" {
		args = append(args, "--command="+command)
	}
	target, err := s.Target(ctx)
	if err == nil && !s.External() {
		_, err = s.runningDatabase(ctx)
	}
	if err != nil {
		return s.failure("psql", Database, err)
	}
	if psql := runner.Look("psql", s.Getenv("PATH")); psql != "" {
		err = s.hostPsql(ctx, psql, target, args)
	} else if s.External() {
		err = s.imagePsql(ctx, target, args)
	} else {
		err = s.insidePsql(ctx, target, args)
	}
	return s.targetEnded(ctx, "psql", Database, err)
}

// targetEnded is how a target ends that is no phase: it asked something, or ran a program of the user's.
func (s *Stack) targetEnded(ctx context.Context, phase string, class Class, err error) error {
	var ended *EndedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ended):
		return ended
	case interrupted(ctx, err):
		return context.Cause(ctx)
	default:
		return s.failure(phase, class, err)
	}
}

// errNotRunning is a request to the own database while it is stopped.
var errNotRunning = errors.New("this stack's database is not running; start it with: mage db:start")

// runningDatabase is the own database's container.
func (s *Stack) runningDatabase(ctx context.Context) (engine.Container, error) {
	e, err := s.engine(ctx)
	if err != nil {
		return engine.Container{}, err
	}
	c, err := e.ContainerInspect(ctx, s.containerName())
	if errors.Is(err, engine.ErrNotFound) || err == nil && c.State != engine.Running {
		return c, errNotRunning
	}
	if err != nil {
		return c, err
	}
	return c, s.check(e, "container", c.Name, c.Labels)
}

// PrintedData is what a program or a script printed, for machines.
type PrintedData struct {
	Output string `json:"output"`
}

// attach gives the terminal to a program until it ends. Where a document is written to stdout, nothing else may be:
// what the program prints goes into the document.
func (s *Stack) attach(ctx context.Context, name string, c runner.Command) error {
	if s.Term == nil {
		return fmt.Errorf("run %s: there is no terminal", name)
	}
	var printed strings.Builder
	if s.documents() {
		c.Stdout = &printed
		defer func() { s.Sink.Result(event.Report{Data: PrintedData{printed.String()}}) }()
	}
	code, err := s.Term.Run(ctx, c)
	if err == nil && code != 0 {
		return &EndedError{Program: name, Code: code}
	}
	return err
}

// documents tells whether stdout is for documents of JSON alone.
func (s *Stack) documents() bool { return s.Config.Output == "json" }

// Print passes on text that was asked for. It begins no log: a script is asked for by each shell that starts.
func (s *Stack) Print(text string) {
	if s.documents() {
		s.Sink.Result(event.Report{Data: PrintedData{text}})
		return
	}
	s.Sink.Send(event.Event{Kind: event.Output, Text: strings.TrimSuffix(text, "\n")})
}

// conversing tells whether a person types to a program and sees what it prints.
func (s *Stack) conversing() bool { return s.Term.Interactive() && !s.documents() }

// hostPsql runs this machine's psql. The password goes by a file that only this user can read, and that is
// removed afterwards.
func (s *Stack) hostPsql(ctx context.Context, psql string, target database.Target, args []string) (err error) {
	target.PassPath = "" // the file below has it
	c := runner.Command{Program: psql, Args: append(args, "--dbname="+target.Redacted())}
	if pass := target.PassFile(); pass != nil {
		if err := os.MkdirAll(s.Config.StateDir, 0o700); err != nil {
			return fmt.Errorf("write password file for psql: %w", err)
		}
		session.SweepTemp(s.Config.StateDir, "psql") // of those that were killed
		var file *os.File
		if file, err = os.CreateTemp(s.Config.StateDir, session.Temp("psql")); err != nil { // mode 0600
			return fmt.Errorf("write password file for psql: %w", err)
		}
		defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
		_, err = file.Write(pass)
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("write password file for psql: %w", err)
		}
		c.Env = []string{"PGPASSFILE=" + file.Name()}
	}
	return s.attach(ctx, "psql", c)
}

// ownPsql makes a password file for psql of the one that the container has, and removes it afterwards. It runs as
// the owner of the container's file.
const ownPsql = `set -eu
file=$(mktemp)
trap 'rm -f "$file"' EXIT
password=$(<"$1")
password=${password//\\/\\\\}
printf '*:*:*:*:%s\n' "${password//:/\\:}" >"$file"
shift
PGPASSFILE=$file psql "$@"`

// insidePsql runs psql in the container of the own database, which has the password already.
func (s *Stack) insidePsql(ctx context.Context, target database.Target, args []string) error {
	e, err := s.engine(ctx)
	if err != nil {
		return err
	}
	c, err := s.runningDatabase(ctx)
	if err != nil {
		return err
	}
	place, err := s.declaredDatabase()
	if err != nil {
		return err
	}
	args = append(append([]string{place.password.Path}, args...), "--dbname="+s.atHome(target, place.port.Port).Redacted())
	return s.attachInside(ctx, e, c.ID, program{name: "psql", script: ownPsql, args: args})
}

// imagePsql runs psql in a disposable container of PostgreSQL's image.
func (s *Stack) imagePsql(ctx context.Context, target database.Target, args []string) error {
	if target.Socket() != "" {
		return badUsage("psql of the image cannot reach %s: install psql, Debian's package postgresql-client", target.Place())
	}
	spec, target, err := s.clientSpec(target)
	if err != nil {
		return err
	}
	return s.disposable(ctx, postgresImage, spec, engine.ExecSpec{
		Command: append(append([]string{"psql"}, args...), "--dbname="+target.Redacted()), Env: s.screen(),
	})
}

// clientSpec is a container for client programs of target, which it shares the network with, and target as they name
// it.
func (s *Stack) clientSpec(target database.Target) (engine.ContainerSpec, database.Target, error) {
	const passFile = "/run/poststack/pgpass"
	spec := engine.ContainerSpec{Env: map[string]string{"PGPASSFILE": passFile}, HostNetwork: true}
	place, err := s.declaredDatabase()
	if err != nil {
		return spec, target, err
	}
	uid, gid := place.password.IDs() // the image's user runs psql, too
	if pass := target.PassFile(); pass != nil {
		spec.Files = append(spec.Files, engine.File{Path: passFile, Mode: 0o600, UID: uid, GID: gid, Content: pass})
	}
	target.PassPath = ""
	target, files, err := clientFiles(target, uid, gid)
	spec.Files = append(spec.Files, files...)
	return spec, target, err
}

// clientFiles are the certificates of target for the container's user of those IDs, and target with their places
// there. libpq reads them as they are; only the JDBC driver wants another form.
func clientFiles(target database.Target, uid, gid int) (database.Target, []engine.File, error) {
	var files []engine.File
	for _, path := range []*string{&target.SSLRootCert, &target.SSLCert, &target.SSLKey} {
		if *path == "" {
			continue
		}
		content, err := os.ReadFile(*path)
		if err != nil {
			return target, nil, fmt.Errorf("read certificate: %w", err)
		}
		*path = "/run/poststack/" + strings.ReplaceAll(strings.TrimPrefix(filepath.Clean(*path), "/"), "/", "-")
		files = append(files, engine.File{Path: *path, Mode: 0o400, UID: uid, GID: gid, Content: content})
	}
	return target, files, nil
}

// screen is what a program in a container needs to know of the terminal.
func (s *Stack) screen() map[string]string {
	env := map[string]string{}
	for _, name := range []string{"TERM", "COLORTERM"} {
		if value := s.Getenv(name); value != "" {
			env[name] = value
		}
	}
	return env
}
