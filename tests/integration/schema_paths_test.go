package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/schema"
)

func schemaPaths() []schemaTest {
	return []schemaTest{
		{name: "however the changelog is named, nothing runs twice", run: spellings},
		{name: "another root is refused when it would run changesets twice", run: otherRoot},
		{name: "another schema has a changelog of its own", run: otherSchema},
		{name: "a new database, with a standby", run: newDatabase},
	}
}

func spellings(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	x.update()
	for _, name := range []string{
		"changelogs", "changelogs/", "./changelogs/" + schema.DefaultRoot, "changelogs/" + schema.DefaultRoot,
		filepath.Join(x.dir, "changelogs", schema.DefaultRoot), "changelogs/../changelogs/" + schema.DefaultRoot + "/",
	} {
		x.Changelog = name
		x.Image = name // asks Liquibase, too
		assert.Empty(t, x.update().Applied, name)
	}
	moved := t.TempDir()
	require.NoError(t, os.Rename(filepath.Join(x.dir, "changelogs"), filepath.Join(moved, "..data")))
	require.NoError(t, os.Symlink("..data", filepath.Join(moved, "changelogs")))
	x.Root, x.Changelog, x.Image = moved, "changelogs", "moved"
	assert.Empty(t, x.update().Applied)
	assert.Equal(t, []string{"parts/001.sql"}, x.column(`select filename from databasechangelog`))
}

func otherRoot(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table if not exists a (id int);"))})
	x.update()
	x.Changelog = "changelogs/parts/001.sql"
	failed := x.fails()
	assert.Equal(t, schema.Moved, failed.Kind)
	assert.Contains(t, failed.Cause, `"parts/001.sql" and would run again as "001.sql"`)
}

func otherSchema(t *testing.T, s *site) {
	x := s.trial(t, map[string]string{"parts/001.sql": sql(set("1", "create table a (id int);"))})
	x.update()
	exec(t, x.conn, `create schema hosting`)
	x.Target.Schema, x.Inside.Schema = "hosting", "hosting"
	assert.Len(t, x.update().Applied, 1)
	assert.Empty(t, x.update().Applied)
	assert.Equal(t, []string{"hosting", "public"},
		x.column(`select schemaname::text from pg_tables where tablename = 'databasechangelog' order by 1`))
	assert.Equal(t, []string{"hosting", "public"}, x.column(`select schemaname::text from pg_tables where tablename = 'a'
		order by 1`))
}

// newDatabase is how Poststack's own database is migrated the first time: Liquibase shares the network of its
// container, this process has a port of the loopback address, and Liquibase was started when the server was not yet
// there.
func newDatabase(t *testing.T, s *site) {
	labels := container.DisposableLabels()
	id, err := s.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Image: "localhost/poststack/postgres:latest", Labels: labels,
		Env:   map[string]string{"POSTGRES_USER": "app", "POSTGRES_DB": "mail", "POSTGRES_PASSWORD": hardPassword().Reveal()},
		Ports: []engine.Port{{Container: 5432, HostIP: "127.0.0.1"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.engine.ContainerRemove(context.Background(), id)) })
	require.NoError(t, s.engine.ContainerStart(t.Context(), id))
	c, err := s.engine.ContainerInspect(t.Context(), string(id))
	require.NoError(t, err)
	require.Len(t, c.Ports, 1)
	target := database.Target{
		Host: "127.0.0.1", Port: c.Ports[0].Host, User: "app", Password: hardPassword(), Database: "mail", SSLMode: "disable",
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := schema.New(schema.Options{
		Root: absolute(t, checkout), Changelog: "changelogs", Target: target, Inside: target.WithHost("127.0.0.1", 5432),
		Image:     "image-1",
		Liquibase: schema.Container{Engine: s.engine, Image: liquibaseImage, NetworkOf: string(id), Labels: labels},
	})
	standby, err := m.Stand(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, standby.Close(context.Background())) })
	require.NoError(t, health.Wait(ctx, health.SQL(target.Redacted(), target.Connect), health.Options{}))
	conn, err := target.Connect(ctx)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.Eventually(t, func() bool {
		var connected bool
		err := conn.QueryRow(ctx, `select exists (select from pg_stat_activity
			where application_name = 'poststack liquibase')`).Scan(&connected)
		return err == nil && connected
	}, time.Minute, 10*time.Millisecond, "it connects by itself")
	state, err := m.Status(ctx)
	require.NoError(t, err)
	assert.Equal(t, schema.None, state.Kind, "it changes nothing before it is told to")

	m.Liquibase = standby
	result, err := m.Update(ctx)
	require.NoError(t, err)
	assert.Equal(t, schema.Current, result.State.Kind)
	assert.Len(t, result.Applied, len(result.State.Changesets))
}
