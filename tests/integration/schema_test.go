package integration_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/schema"
	"github.com/poststack/poststack/pkg/session"
)

const liquibaseImage engine.Ref = "localhost/poststack/liquibase:latest"

func TestSchema(t *testing.T) {
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := enginetest.Open(t, kind)
			server := &site{engine: e, owner: startDatabase(t, e), databases: new(atomic.Int32)}
			for _, test := range slices.Concat(schemaOperations(), schemaLocks(), schemaPaths()) {
				t.Run(test.name, func(t *testing.T) { test.run(t, server.visit(t, test)) })
			}
			for _, test := range slices.Concat(schemaFailures(), schemaReading(), schemaOutcomes(), schemaLies()) {
				t.Run(test.name, func(t *testing.T) {
					enginetest.AnyEngine(t)
					test.run(t, server.visit(t, test))
				})
			}
		})
	}
}

// schemaTest is one test, on a database of its own. Most run side by side, on one server.
type schemaTest struct {
	name  string
	run   func(*testing.T, *site)
	alone bool // it makes or renames roles that others know: those are the server's
}

// site is a server, a session of the test's own there, and the engine on which Liquibase runs.
type site struct {
	engine    *engine.Engine
	owner     database.Target
	admin     *pgx.Conn
	databases *atomic.Int32
}

// visit lets a test run beside the others, unless it must be alone, and gives it a session.
func (s *site) visit(t *testing.T, test schemaTest) *site {
	t.Helper()
	if !test.alone {
		t.Parallel()
	}
	own := *s
	own.admin = connect(t, s.owner)
	return &own
}

// fresh makes an empty database.
func (s *site) fresh(t *testing.T) database.Target {
	t.Helper()
	target := s.owner
	target.Database = fmt.Sprintf("schema_%d", s.databases.Add(1))
	exec(t, s.admin, "create database "+target.Database)
	return target
}

// trial is a changelog and the database that it goes to.
type trial struct {
	*schema.Migrator
	*testing.T
	site  *site
	conn  *pgx.Conn
	dir   string
	runs  *counter
	label string // of this run's Liquibase containers

	mu   sync.Mutex
	said []string
}

// counter counts the runs of Liquibase.
type counter struct {
	schema.Liquibase
	n atomic.Int32
}

// Run counts.
func (c *counter) Run(ctx context.Context, in schema.Invocation) (schema.Output, error) {
	c.n.Add(1)
	return c.Liquibase.Run(ctx, in)
}

// trial writes a changelog of those files and points a migrator at it and at an empty database. Files without a
// root get one that includes the directory parts.
func (s *site) trial(t *testing.T, files map[string]string, change ...func(*schema.Options)) *trial {
	t.Helper()
	dir := t.TempDir()
	x := &trial{T: t, site: s, dir: dir, label: t.Name() + " " + session.Name()}
	if files != nil && files[schema.DefaultRoot] == "" {
		x.write(schema.DefaultRoot,
			"databaseChangeLog:\n  - includeAll:\n      path: parts\n      relativeToChangelogFile: true\n")
	}
	for name, content := range files {
		x.write(name, content)
	}
	target := s.fresh(t)
	x.conn = connect(t, target)
	x.runs = &counter{Liquibase: schema.Container{
		Engine: s.engine, Image: liquibaseImage, HostNetwork: true,
		Labels: map[string]string{container.LabelDisposable: "true", container.LabelSession: session.Name(), "test": x.label},
	}}
	o := schema.Options{
		Root: dir, Changelog: "changelogs", Target: target, Liquibase: x.runs, Image: "image-1",
		Cache:  filepath.Join(dir, "cache"),
		Report: event.Sink(x.hear).For("schema"), OpenLog: x.log,
	}
	for _, c := range change {
		c(&o)
	}
	x.Migrator = schema.New(o)
	return x
}

func (x *trial) write(name, content string) {
	x.Helper()
	file := filepath.Join(x.dir, "changelogs", name)
	require.NoError(x, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(x, os.WriteFile(file, []byte(content), 0o600))
}

func (x *trial) hear(e event.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.said = append(x.said, string(e.Kind)+": "+e.Text)
}

func (x *trial) heard() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return fmt.Sprint(x.said)
}

// log keeps Liquibase's output in a file, and shows it when the test fails.
func (x *trial) log(operation string) (schema.Log, error) {
	f, err := os.CreateTemp(x.dir, operation+"_*.log")
	if err != nil {
		return nil, err
	}
	x.Cleanup(func() {
		if text, _ := os.ReadFile(f.Name()); x.Failed() {
			x.Logf("%s", text)
		}
	})
	return logFile{f}, nil
}

type logFile struct{ *os.File }

// Path is the file's name.
func (f logFile) Path() string { return f.Name() }

// update must succeed.
func (x *trial) update() schema.Result {
	x.Helper()
	result, err := x.Update(x.Context())
	require.NoError(x, err)
	return result
}

// fails runs an update that must fail, leave the database as it was, and keep no container. It returns why.
func (x *trial) fails() *schema.Error {
	x.Helper()
	before := x.snapshot()
	_, err := x.Update(x.Context())
	var failed *schema.Error
	require.ErrorAs(x, err, &failed)
	assert.NotContains(x, failed.Error(), "\n")
	assert.Equal(x, before, x.snapshot(), "the database is not as it was")
	x.nothingLeft()
	return failed
}

// snapshot is everything in the database that a migration could have changed.
func (x *trial) snapshot() []string {
	x.Helper()
	lines := x.column(`select relname::text || ' ' || relkind::text from pg_class where relnamespace in
		(select oid from pg_namespace where nspname !~ '^(pg_|information_schema)') order by 1`)
	if slices.Contains(lines, "databasechangelog r") {
		lines = append(lines, x.column(`select concat_ws('|', filename, id, author, md5sum, orderexecuted)
			from databasechangelog order by orderexecuted`)...)
		lines = append(lines, x.column(`select concat_ws('|', id, locked, lockedby) from databasechangeloglock`)...)
	}
	return lines
}

// column is the first column of a query's rows.
func (x *trial) column(query string) []string {
	x.Helper()
	rows, err := x.conn.Query(context.Background(), query)
	require.NoError(x, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(x, err)
	return values
}

func (x *trial) nothingLeft() {
	x.Helper()
	list, err := x.site.engine.ContainerList(context.Background(), map[string]string{"test": x.label})
	require.NoError(x, err)
	assert.Empty(x, list)
}

// started waits until Liquibase's container runs and has begun the statement that holds that text.
func (x *trial) started(text string) engine.Container {
	x.Helper()
	require.Eventually(x, func() bool {
		var n int
		err := x.site.admin.QueryRow(context.Background(), `select count(*) from pg_stat_activity
			where datname = $1 and query like '%' || $2 || '%' and state = 'active'`, x.Target.Database, text).Scan(&n)
		return err == nil && n == 1
	}, time.Minute, 50*time.Millisecond)
	list, err := x.site.engine.ContainerList(x.Context(), map[string]string{"test": x.label})
	require.NoError(x, err)
	require.Len(x, list, 1)
	return list[0]
}

// set is a changeset of formatted SQL.
func set(id, sql string) string { return "--changeset ops:" + id + "\n" + sql + "\n" }

// sql is a file of formatted SQL.
func sql(changesets ...string) string {
	text := "--liquibase formatted sql\n"
	for _, c := range changesets {
		text += c
	}
	return text
}
