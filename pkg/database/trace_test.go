package database_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
)

func TestTarget_Connect_is_traced(t *testing.T) {
	t.Parallel()
	recorder, ctx := tracetest.Record(t)
	ctx = trace.Lane(ctx, "verify:db")
	target := serve(t, login{}.handle)
	conn, err := target.Connect(ctx)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = conn.Exec(ended, "\n  select set_config('a',\n 'hidden', false)") // the server would give no answer
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, conn.Close(ctx))
	_, err = serve(t, says("28P01").handle).Connect(ctx)
	require.Error(t, err)

	all := tracetest.Written(t, recorder)
	logins := all.Find("connect")
	require.Len(t, logins, 2)
	assert.Equal(t, map[string]any{"server": target.Address() + "/mail"}, logins[0].Args)
	assert.Contains(t, logins[1].Args["failed"], "28P01")
	statement := all.One(t, "select set_config('a',")
	assert.Equal(t, trace.Database, statement.Category)
	assert.Equal(t, "verify:db (work)", all.Lane(statement))
	text, err := os.ReadFile(recorder.Path())
	require.NoError(t, err)
	assert.NotContains(t, string(text), "hidden")
	assert.NotContains(t, string(text), "s3cr3t-pw")
}
