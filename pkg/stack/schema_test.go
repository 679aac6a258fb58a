package stack_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/schema"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/session"
	"github.com/poststack/poststack/pkg/stack"
)

func TestStack_migrator(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		url         secret.Value
		network     string
		hostNetwork bool
		inside      string
	}{
		"the own database through its container's network": {"", containerName, false, "127.0.0.1:5432"},
		"a database on this machine through the host's " +
			"network": {"postgres://app:pw@127.0.0.1:5999/mail", "", true, "127.0.0.1:5999"},
		"localhost is this machine":                 {"postgres://app:pw@localhost:5999/mail", "", true, "localhost:5999"},
		"any other too, as this process reaches it": {"postgres://app:pw@db.example:5999/mail", "", true, "db.example:5999"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			write(t, b.state(t, "password"), "pw-own")
			b.config.Database.URL = tc.url
			b.config.Schema.Contexts, b.config.Schema.Labels = "demo", "next"
			s, ctx, _ := b.open(t)
			target, err := s.Target(ctx)
			require.NoError(t, err)
			m, err := stack.Migrator(s, target, b.engine, event.Reporter{})
			require.NoError(t, err)

			run, ok := m.Liquibase.(schema.Container)
			require.True(t, ok)
			assert.Equal(t, tc.network, run.NetworkOf)
			assert.Equal(t, tc.hostNetwork, run.HostNetwork)
			assert.Equal(t, b.digestRef(t, "liquibase"), run.Image)
			assert.Equal(t, map[string]string{
				container.LabelDisposable: "true", container.LabelSession: session.Name(), container.LabelRole: "liquibase",
			}, run.Labels, "no label of the stack: down and reset leave it to its run")
			assert.Equal(t, tc.inside, m.Inside.Address())
			assert.Equal(t, target, m.Target)
			assert.Equal(t, target.Password, m.Inside.Password)
			assert.Equal(t, string(run.Image), m.Image)
			assert.Equal(t, "demo", m.Contexts)
			assert.Equal(t, "next", m.Labels)

			m, err = stack.Migrator(s, target, nil, event.Reporter{})
			require.NoError(t, err)
			assert.Nil(t, m.Liquibase, "without an engine nothing runs")
		})
	}
}

func TestSchema_without_a_database(t *testing.T) {
	t.Parallel()
	for name, operation := range map[string]func(*stack.Stack, context.Context) error{
		"init": (*stack.Stack).InitSchema, "update": (*stack.Stack).UpdateSchema, "status": (*stack.Stack).SchemaStatus,
	} {
		t.Run(name+" says that there is none yet", func(t *testing.T) {
			t.Parallel()
			_, err := newBench(t).phase(t, operation)
			assert.ErrorContains(t, err, "schema:"+name+": this stack has no database yet")
			assert.Equal(t, 5, stack.ExitStatus(err))
		})
		t.Run(name+" says that it does not answer", func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			write(t, b.state(t, "password"), "pw-own")
			write(t, changelog(t, b), "databaseChangeLog: []\n")
			_, err := b.phase(t, operation)
			var refused *database.ConnectError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, database.Refused, refused.Kind)
			assert.Equal(t, 5, stack.ExitStatus(err), "it is the database that failed, not the schema")
		})
	}
}

func TestSchema_without_a_changelog(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	write(t, b.state(t, "password"), "pw-own")
	j, err := b.phase(t, (*stack.Stack).UpdateSchema)
	var failed *schema.Error
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, schema.MissingFile, failed.Kind)
	assert.Equal(t, 6, stack.ExitStatus(err))
	assert.Equal(t, failed.Details(), j.last(t, event.PhaseEnded).Detail)

	j, err = b.phase(t, (*stack.Stack).SchemaStatus)
	require.ErrorAs(t, err, &failed)
	require.NotEmpty(t, failed.Details())
	assert.Subset(t, j.texts(event.Warning), failed.Details(), "a question's failure says what to do, too")
}

func TestSchemaStatus_without_Liquibase(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	write(t, b.state(t, "password"), "pw-own")
	j, err := b.phase(t, (*stack.Stack).SchemaStatus)
	require.Error(t, err)
	assert.Contains(t, j.texts(event.Warning),
		"Liquibase's image is not built (mage build:liquibase): a changelog that it has not read yet cannot be read")

	b.engine = nil
	j, err = b.phase(t, (*stack.Stack).SchemaStatus)
	require.Error(t, err)
	assert.Contains(t, j.texts(event.Warning),
		"no engine works: a changelog that Liquibase has not read yet cannot be read")
}
