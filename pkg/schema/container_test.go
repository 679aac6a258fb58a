package schema_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/schema"
)

// fakeEngine runs no container: it prints what it is given, and counts.
type fakeEngine struct {
	stdout, stderr []string // as they arrive
	code           int
	fail           string // method that fails
	spec           engine.ContainerSpec
	killed         []string // signals
	created        int
	removed        int
}

func (f *fakeEngine) failure(method string) error {
	if f.fail == method {
		return errors.New("no " + method)
	}
	return nil
}

func (f *fakeEngine) ContainerCreate(_ context.Context, spec engine.ContainerSpec) (engine.ContainerID, error) {
	if err := f.failure("create"); err != nil {
		return "", err
	}
	f.spec = spec
	f.created++
	return "c1", nil
}

func (f *fakeEngine) ContainerStart(context.Context, engine.ContainerID) error {
	return f.failure("start")
}

func (f *fakeEngine) ContainerKill(_ context.Context, _ engine.ContainerID, signal string) error {
	f.killed = append(f.killed, signal)
	return f.failure("kill")
}

func (f *fakeEngine) ContainerRemove(ctx context.Context, _ engine.ContainerID) error {
	f.removed++
	return errors.Join(ctx.Err(), f.failure("remove"))
}

func (f *fakeEngine) ContainerWait(context.Context, engine.ContainerID) (int, error) {
	return f.code, f.failure("wait")
}

func (f *fakeEngine) ContainerLogs(
	ctx context.Context, _ engine.ContainerID, _ engine.LogOptions, stdout, stderr io.Writer,
) error {
	for _, s := range f.stdout {
		_, _ = io.WriteString(stdout, s)
	}
	for _, s := range f.stderr {
		_, _ = io.WriteString(stderr, s)
	}
	return errors.Join(ctx.Err(), f.failure("logs"))
}

func invocation(t *testing.T) (schema.Invocation, *bytes.Buffer, *[]schema.Event) {
	var log bytes.Buffer
	var events []schema.Event
	return schema.Invocation{
		Command:   schema.CmdUpdate,
		Target:    database.Target{Host: "postgres", User: "app", Password: `p:w\`, Database: "mail", SSLMode: "disable"},
		Changelog: load(t, map[string]string{"parts/001.sql": good}),
		OnEvent:   func(e schema.Event) { events = append(events, e) },
		Log:       &log,
	}, &log, &events
}

func TestContainerRun(t *testing.T) {
	t.Parallel()
	in, log, events := invocation(t)
	f := &fakeEngine{
		stdout: []string{"Java says hello\n{\"event\":\"run", "ning\",\"id\":\"1\"}\n{\"event\":", "\"applied\"}\n"},
		stderr: []string{"INFO one\nINFO ", "two\n\n"}, code: 3,
	}
	c := schema.Container{Engine: f, Image: "img", NetworkOf: "db", Labels: map[string]string{"a": "b"}}
	out, err := c.Run(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, schema.Output{Code: 3, Last: "INFO two"}, out)
	require.Len(t, *events, 2)
	assert.Equal(t, "1", (*events)[0].ID)
	assert.Contains(t, log.String(), "Java says hello\n")
	assert.Contains(t, log.String(), "INFO one\n")
	assert.Equal(t, 1, f.removed)

	assert.Equal(t, []string{"update"}, f.spec.Command)
	assert.Equal(t, "db", f.spec.NetworkOf)
	assert.Equal(t, map[string]string{"a": "b"}, f.spec.Labels)
	assert.Equal(t, "db.changelog-root.yaml", f.spec.Env["LIQUIBASE_COMMAND_CHANGELOG_FILE"])
	assert.Equal(t, "poststack-none", f.spec.Env["LIQUIBASE_COMMAND_CONTEXTS"])
	assert.Equal(t, "poststack-none", f.spec.Env["LIQUIBASE_COMMAND_LABEL_FILTER"])
	assert.Contains(t, f.spec.Env["LIQUIBASE_COMMAND_URL"], "jdbc:postgresql://postgres:5432/mail?")
	assert.NotContains(t, fmt.Sprint(f.spec.Env, f.spec.Command, f.spec.Labels), `p:w`)
	var files []string
	for _, file := range f.spec.Files {
		files = append(files, fmt.Sprintf("%s %o %d", file.Path, file.Mode, file.UID))
	}
	assert.Equal(t, []string{
		"/liquibase/run/changelog/db.changelog-root.yaml 444 0", "/liquibase/run/changelog/parts/001.sql 444 0",
		"/liquibase/run/pgpass 600 9998",
	}, files)
	assert.Equal(t, `*:*:*:*:p\:w\\`+"\n", string(f.spec.Files[2].Content))
}

func TestContainerRun_does_not_wait_for_the_process(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stdout, stderr string
		code           int
	}{
		"told on both streams":               {`{"event":"ended"}`, "liquibase: ended", 0},
		"told on one of them, then it fails": {`{"event":"ended"}`, "killed", 137},
	} {
		in, _, events := invocation(t)
		f := &fakeEngine{
			stdout: []string{`{"event":"applied"}` + "\n" + tc.stdout + "\n"},
			stderr: []string{"INFO one\n" + tc.stderr + "\n"}, code: 137,
		}
		out, err := schema.Container{Engine: f, Image: "img"}.Run(t.Context(), in)
		require.NoError(t, err, name)
		assert.Equal(t, tc.code, out.Code, name)
		assert.Len(t, *events, 1, "%s: the end is no event for anybody else", name)
		assert.Equal(t, 1, f.removed, name)
	}
}

func TestContainerRunSelects(t *testing.T) {
	t.Parallel()
	in, _, _ := invocation(t)
	in.Command, in.Count, in.Contexts, in.Labels, in.Target.Password = schema.CmdRollback, 2, "demo", "a and b", ""
	f := &fakeEngine{}
	_, err := schema.Container{Engine: f}.Run(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, []string{"rollback-count", "--count=2"}, f.spec.Command)
	assert.Equal(t, "demo", f.spec.Env["LIQUIBASE_COMMAND_CONTEXTS"])
	assert.Equal(t, "a and b", f.spec.Env["LIQUIBASE_COMMAND_LABEL_FILTER"])
	assert.NotContains(t, f.spec.Env, "PGPASSFILE")
	assert.Len(t, f.spec.Files, 2)

	for _, none := range []string{"", " ", ",", " , "} { // Liquibase takes each for no filter, and then runs everything
		in.Contexts, in.Labels = none, none
		_, err = schema.Container{Engine: f}.Run(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, "poststack-none", f.spec.Env["LIQUIBASE_COMMAND_CONTEXTS"], "%q", none)
		assert.Equal(t, "poststack-none", f.spec.Env["LIQUIBASE_COMMAND_LABEL_FILTER"], "%q", none)
	}
}

func TestContainerRunLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, fail := range []string{"create", "start", "logs", "wait", "remove"} {
		in, _, _ := invocation(t)
		f := &fakeEngine{fail: fail}
		_, err := schema.Container{Engine: f, Image: "img"}.Run(t.Context(), in)
		require.ErrorContains(t, err, "no "+fail)
		assert.Equal(t, f.created, f.removed, fail)
	}
	in, _, _ := invocation(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := &fakeEngine{}
	_, err := schema.Container{Engine: f}.Run(ctx, in)
	require.ErrorIs(t, err, context.Canceled)
	assert.NotContains(t, err.Error(), "remove")
	assert.Equal(t, 1, f.removed)
}
