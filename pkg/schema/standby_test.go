package schema_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

// ready tells Liquibase to go.
func ready() error { return nil }

func TestStandby(t *testing.T) {
	t.Parallel()
	in, _, events := invocation(t)
	in.Ready = ready
	f := &fakeEngine{
		stdout: []string{`{"event":"ready"}` + "\n", `{"event":"applied"}` + "\n" + `{"event":"ended"}` + "\n"},
		stderr: []string{"liquibase: ended\n"},
	}
	standby, err := schema.Container{Engine: f, Image: "img"}.Stand(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, []string{"update", "--standby=120"}, f.spec.Command)
	assert.Empty(t, f.killed, "it is not told to go before it runs")
	assert.Zero(t, f.removed)

	_, err = standby.Run(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, []string{"SIGWINCH"}, f.killed)
	require.Len(t, *events, 1)
	assert.Equal(t, "applied", (*events)[0].Event)
	assert.Equal(t, 1, f.removed)
	require.NoError(t, standby.Close(t.Context()))
	assert.Equal(t, 1, f.removed, "once")

	_, err = standby.Run(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, []string{"update", "--hold=120"}, f.spec.Command, "a second run has its own")
	assert.Equal(t, 2, f.created)
	assert.Equal(t, 2, f.removed)
}

func TestStandby_that_has_nothing_to_ask(t *testing.T) {
	t.Parallel()
	in, _, _ := invocation(t)
	f := &fakeEngine{
		stdout: []string{`{"event":"ready"}` + "\n" + `{"event":"ended"}` + "\n"},
		stderr: []string{"liquibase: ended\n"},
	}
	standby, err := schema.Container{Engine: f}.Stand(t.Context(), in)
	require.NoError(t, err)
	_, err = standby.Run(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, []string{"SIGWINCH"}, f.killed, "it waits to be told to go in any case")
	assert.Equal(t, 1, f.created)
}

func TestStandby_that_does_not_serve(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stdout string
		change func(*schema.Invocation)
	}{
		"it ended before it was ready": {"", func(*schema.Invocation) {}},
		"other contexts":               {`{"event":"ready"}`, func(in *schema.Invocation) { in.Contexts = "demo" }},
		"another database":             {`{"event":"ready"}`, func(in *schema.Invocation) { in.Target.Database = "other" }},
		"another password":             {`{"event":"ready"}`, func(in *schema.Invocation) { in.Target.Password = "other" }},
		"another command":              {`{"event":"ready"}`, func(in *schema.Invocation) { in.Command = schema.CmdStatus }},
		"another changelog": {`{"event":"ready"}`, func(in *schema.Invocation) {
			in.Changelog = load(t, map[string]string{"parts/001.sql": good + "--changeset ops:late\nselect 1;\n"})
		}},
	} {
		in, _, _ := invocation(t)
		in.Ready = ready
		f := &fakeEngine{stdout: []string{tc.stdout + "\n"}}
		standby, err := schema.Container{Engine: f}.Stand(t.Context(), in)
		require.NoError(t, err, name)
		tc.change(&in)
		_, err = standby.Run(t.Context(), in)
		require.NoError(t, err, name)
		assert.Equal(t, []string{string(in.Command), "--hold=120"}, f.spec.Command, name)
		require.NoError(t, standby.Close(t.Context()), name)
		assert.Equal(t, 2, f.created, name)
		assert.Equal(t, 2, f.removed, name)
	}
}

func TestStandby_failures(t *testing.T) {
	t.Parallel()
	for _, fail := range []string{"create", "start"} {
		in, _, _ := invocation(t)
		f := &fakeEngine{fail: fail}
		_, err := schema.Container{Engine: f, Image: "img"}.Stand(t.Context(), in)
		require.ErrorContains(t, err, "no "+fail)
		assert.Equal(t, f.created, f.removed, fail)
	}
	in, _, _ := invocation(t)
	in.Ready = ready
	f := &fakeEngine{fail: "kill", stdout: []string{`{"event":"ready"}` + "\n"}}
	standby, err := schema.Container{Engine: f}.Stand(t.Context(), in)
	require.NoError(t, err)
	_, err = standby.Run(t.Context(), in)
	require.ErrorContains(t, err, "tell Liquibase to go: no kill")
	require.NoError(t, standby.Close(t.Context()))
	assert.Equal(t, 1, f.removed)
}
