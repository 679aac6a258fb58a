package stack_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/runner/runnertest"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
)

// fakeTerminal notes what it is given to run.
type fakeTerminal struct {
	code int
	err  error
	ran  []runner.Command
	on   func(runner.Command)
}

func (f *fakeTerminal) Interactive() bool { return true }

func (f *fakeTerminal) Run(_ context.Context, c runner.Command) (int, error) {
	f.ran = append(f.ran, c)
	if f.on != nil {
		f.on(c)
	}
	if c.Stdout != nil {
		_, _ = io.WriteString(c.Stdout, "what it prints\n")
	}
	return f.code, f.err
}

// withPsql gives the bench a PATH with a psql in it.
func (b *bench) withPsql(t *testing.T) {
	t.Helper()
	b.path = t.TempDir()
	runnertest.WriteFile(t, filepath.Join(b.path, "psql"), "#!/bin/sh\n", 0o755)
}

func psql(command string) func(*stack.Stack, context.Context) error {
	return func(s *stack.Stack, ctx context.Context) error { return s.Psql(ctx, command) }
}

func shell(name string) func(*stack.Stack, context.Context) error {
	return func(s *stack.Stack, ctx context.Context) error { return s.Shell(ctx, name) }
}

// runningServer makes a container of the own database that runs, and its password.
func (b *bench) runningServer(t *testing.T) engine.ContainerID {
	t.Helper()
	b.built(t, "base-debian", "postgres", "liquibase")
	write(t, b.state(t, "password"), `it's:secret\`)
	id, err := b.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Name: containerName, Image: b.digestRef(t, "postgres"),
		Labels: map[string]string{container.LabelStack: "s", container.LabelRole: "postgres"},
	})
	require.NoError(t, err)
	require.NoError(t, b.engine.ContainerStart(t.Context(), id))
	return id
}

// containers are all that have a role.
func (b *bench) containers(t *testing.T) []engine.Container {
	t.Helper()
	var all []engine.Container
	for _, role := range []string{"postgres", "base-debian", "extra"} {
		found, err := b.engine.ContainerList(t.Context(), map[string]string{container.LabelRole: role})
		require.NoError(t, err)
		all = append(all, found...)
	}
	return all
}

func TestPsql_notRunning(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	term := &fakeTerminal{}
	b.term = term
	_, err := b.phase(t, psql(""))
	require.ErrorContains(t, err, "no database yet: run mage setup")
	assert.Equal(t, int(stack.Database), stack.ExitStatus(err))

	write(t, b.state(t, "password"), "pw")
	_, err = b.phase(t, psql(""))
	require.ErrorContains(t, err, "not running; start it with: mage db:start")
	assert.Equal(t, int(stack.Database), stack.ExitStatus(err))
	assert.Empty(t, term.ran)
}

func TestPsql_ofThisMachine(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.runningServer(t)
	b.withPsql(t)
	var file string
	term := &fakeTerminal{on: func(c runner.Command) {
		require.Len(t, c.Env, 1)
		file = strings.TrimPrefix(c.Env[0], "PGPASSFILE=")
		assert.Equal(t, `*:*:*:*:it's\:secret\\`+"\n", read(t, file))
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}}
	b.term = term
	_, err := b.phase(t, psql("select 1"))
	require.NoError(t, err)
	require.Len(t, term.ran, 1)
	assert.Equal(t, filepath.Join(b.path, "psql"), term.ran[0].Program)
	assert.Contains(t, term.ran[0].Args, "--command=select 1")
	assert.NotContains(t, strings.Join(term.ran[0].Args, " "), "secret", "the list of processes shows no password")
	assert.NoFileExists(t, file, "it was removed")

	term.code = 3
	_, err = b.phase(t, psql(""))
	assert.Equal(t, 3, stack.ExitStatus(err), "psql's own status")
	require.EqualError(t, err, "psql ended with status 3")
}

func TestPsql_ofTheContainer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.runningServer(t)
	term := &fakeTerminal{}
	b.term = term
	_, err := b.phase(t, psql(""))
	require.NoError(t, err)
	require.Len(t, term.ran, 1)
	line := strings.Join(term.ran[0].Args, " ")
	assert.Contains(t, line, "exec --tty "+string(id)+" bash -c")
	assert.Contains(t, line, "--dbname=postgresql://poststack@localhost:5432/poststack")
	assert.NotContains(t, line, "it's")
	assert.Len(t, b.containers(t), 1, "nothing was started")
}

func TestPsql_leavesNothingInTheContainer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.runningServer(t)
	var ended []string
	b.engine.OnExec = func(c engine.Container, spec engine.ExecSpec) (engine.ExecResult, error) {
		assert.Equal(t, id, c.ID)
		ended = spec.Command
		return engine.ExecResult{}, nil
	}
	term := &fakeTerminal{err: assert.AnError}
	b.term = term
	s, ctx := b.openWith(t, &journal{})
	term.on = func(runner.Command) { _ = s.Fail(assert.AnError) } // the run is told to end
	require.ErrorIs(t, s.Psql(ctx, ""), assert.AnError)
	require.NoError(t, s.Close(nil))
	require.NotEmpty(t, ended)
	pattern := ended[len(ended)-1]
	assert.Regexp(t, pattern, strings.Join(term.ran[0].Args, " "), "it finds what was started")
	assert.NotRegexp(t, pattern, strings.Join(ended, " "), "and not itself")
}

func TestPsql_ofAnotherServer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.built(t, "base-debian", "postgres")
	b.config.Database.URL = secret.Value("postgres://app:it's%3Asecret@127.0.0.1:5499/app")
	term := &fakeTerminal{code: 2, on: func(c runner.Command) {
		made := b.containers(t)
		require.Len(t, made, 1, "a disposable container")
		assert.Equal(t, "true", made[0].Labels[container.LabelDisposable])
		assert.Contains(t, made[0].Env, "PGPASSFILE=/run/poststack/pgpass")
		assert.NotContains(t, strings.Join(made[0].Env, " ")+strings.Join(c.Args, " "), "secret")
	}}
	b.term = term
	_, err := b.phase(t, psql("select 1"))
	assert.Equal(t, 2, stack.ExitStatus(err))
	assert.Empty(t, b.containers(t), "it was removed")
}

func TestShell(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.runningServer(t)
	term := &fakeTerminal{code: 7}
	b.term = term
	_, err := b.phase(t, shell("postgres"))
	assert.Equal(t, 7, stack.ExitStatus(err), "the shell's own status")
	require.Len(t, term.ran, 1)
	assert.Equal(t, []string{"exec", "--tty", string(id), "bash", "-c", "bash; exit $?"}, term.ran[0].Args[:6],
		"where it runs")

	term.code = 0
	journal, err := b.phase(t, shell("base"))
	require.NoError(t, err, "short for base-debian")
	require.Len(t, term.ran, 2)
	assert.Contains(t, strings.Join(journal.texts("notice"), "\n"), `no container of image "base-debian" runs`)
	assert.Len(t, b.containers(t), 1, "the disposable one has gone")

	_, err = b.phase(t, shell("nginx"))
	require.EqualError(t, err, `shell: there is no image "nginx"; the images are: base-debian, extra, liquibase, postgres`)
	assert.Equal(t, int(stack.Usage), stack.ExitStatus(err))

	_, err = b.phase(t, shell("extra"))
	require.ErrorContains(t, err, "is not built")
}

// TestPsql_in_a_document has stdout for documents of JSON alone.
func TestPsql_in_a_document(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]any{
		"plain": nil, "json": stack.PrintedData{Output: "what it prints\n"},
	} {
		b := newBench(t)
		b.config.Database.URL, b.config.Output = "postgres://app:pw@db.example/mail", output
		b.withPsql(t)
		term := &fakeTerminal{code: 3}
		b.term = term
		j, err := b.phase(t, psql("select 1"))
		require.ErrorContains(t, err, "psql ended with status 3")
		if want == nil {
			assert.Nil(t, term.ran[0].Stdout)
			continue
		}
		assert.Equal(t, want, j.last(t, event.Result).Report.Data)
	}
}
