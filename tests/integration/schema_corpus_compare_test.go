package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/schema"
)

// compare migrates with Poststack, and compares with what Liquibase has done.
func (c *corpus) compare(t *testing.T, k *corpusCase) {
	t.Helper()
	c.slots <- struct{}{}
	m, err, state := c.ours(t, k)
	<-c.slots
	require.NoError(t, c.wait())
	runs := c.ran[k.name]
	if k.Refused != nil {
		c.refusedAlike(t, k, runs, err)
		return
	}
	for _, r := range runs {
		require.Zero(t, r.status, "stock %s: %s", r.command, r.text)
	}
	require.NoError(t, err)
	theirs := connect(t, c.target(k.stockDatabase()))
	conn := connect(t, m.Target)
	assert.Equal(t, recorded(t, theirs), recorded(t, conn), "rows")
	assert.Equal(t, c.dump(t, k.stockDatabase()), c.dump(t, k.ourDatabase()), "contents")
	assert.Equal(t, find(runs, "status").listed(), names(would(state)), "pending")
	if len(k.steps) > 1 {
		assert.Equal(t, find(runs, "unexpected-changesets").listed(), names(state.Unknown), "unknown")
	}
	statusAsRecorded(t, m, state)
}

// ours does with Poststack what k says, up to the first error.
//
//nolint:revive,staticcheck // the error is one of three answers
func (c *corpus) ours(t *testing.T, k *corpusCase) (*schema.Migrator, error, schema.State) {
	t.Helper()
	root := t.TempDir()
	m := schema.New(schema.Options{
		Root: root, Changelog: "changelogs/" + k.Root, Contexts: k.Contexts, Labels: k.Labels,
		Target: c.target(k.ourDatabase()), Image: "image-1", Cache: t.TempDir(),
		Liquibase: schema.Container{
			Engine: c.engine, Image: liquibaseImage, HostNetwork: true, Labels: container.DisposableLabels(),
		},
	})
	for i, step := range k.steps {
		require.NoError(t, os.RemoveAll(filepath.Join(root, "changelogs")))
		for name, content := range step {
			file := filepath.Join(root, "changelogs", name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, content, 0o600))
		}
		if _, err := m.Update(t.Context()); err != nil {
			if k.Refused != nil {
				assert.Equal(t, k.Refused.Step, i+1, "refused at")
			}
			return m, err, schema.State{}
		}
	}
	if k.Rollback > 0 {
		if _, err := m.Rollback(t.Context(), k.Rollback); err != nil {
			return m, err, schema.State{}
		}
	}
	state, err := m.Status(t.Context())
	if err == nil {
		err = state.Problem
	}
	return m, err, state
}

// refusedAlike compares two refusals.
func (c *corpus) refusedAlike(t *testing.T, k *corpusCase, runs []stockRun, err error) {
	t.Helper()
	updates := slices.DeleteFunc(slices.Clone(runs), func(r stockRun) bool { return r.command != "update" })
	require.Len(t, updates, k.Refused.Step)
	last := updates[len(updates)-1]
	assert.Equal(t, k.Refused.Ours, last.status == 0, "stock says: %s", last.text)
	var failed *schema.Error
	require.ErrorAs(t, err, &failed, "Poststack is content")
	said := strings.Join(append([]string{failed.Error()}, failed.Details()...), "\n")
	t.Logf("%s", said)
	file, line := failed.Where()
	if k.Refused.File != "" {
		assert.Equal(t, "changelogs/"+k.Refused.File, file, said)
	}
	if k.Refused.Line > 0 {
		assert.Equal(t, k.Refused.Line, line, said)
	}
	for _, word := range k.Refused.Words {
		assert.Contains(t, strings.ToLower(said), strings.ToLower(word))
	}
	conn := connect(t, c.target(k.ourDatabase()))
	if k.Refused.Step == 1 {
		assert.Empty(t, recorded(t, conn), "nothing was applied")
		return
	}
	assert.Equal(t, recorded(t, connect(t, c.target(k.stockDatabase()))), recorded(t, conn), "the first update's rows")
}

// dump is what pg_dump writes of a database, without Liquibase's own tables: those hold times, and Poststack's mark.
func (c *corpus) dump(t *testing.T, name string) string {
	t.Helper()
	result, err := c.engine.ContainerExec(t.Context(), c.server, engine.ExecSpec{
		Command: []string{"pg_dump", "--username=" + c.owner.User, "--exclude-table=databasechangelog*", name},
	})
	require.NoError(t, err)
	require.Zero(t, result.Code, "%s", result.Stderr)
	var kept strings.Builder
	for line := range strings.Lines(result.Stdout) {
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) { // followed by a random key
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// statusAsRecorded compares what Poststack says of each changeset with its row.
func statusAsRecorded(t *testing.T, m *schema.Migrator, state schema.State) {
	t.Helper()
	allowed := map[schema.Will][]string{
		schema.WillRun: {""}, schema.WillRunAgain: {"EXECUTED", "RERAN"}, schema.RunsAlways: {"", "EXECUTED", "RERAN"},
		schema.Ran: {"EXECUTED", "RERAN"}, schema.Marked: {"MARK_RAN"},
		schema.NotSelected: {""}, schema.OtherDatabase: {""}, schema.Ignored: {""},
	}
	conn := connect(t, m.Target)
	for _, s := range state.Changesets {
		var exec string
		err := conn.QueryRow(context.Background(), `select coalesce(max(exectype), '') from databasechangelog
			where filename = $1 and id = $2 and author = $3`, s.File, s.ID, s.Author).Scan(&exec)
		require.NoError(t, err)
		assert.Contains(t, allowed[s.Will], exec, "%s::%s::%s is said to be: %s", s.File, s.ID, s.Author, s.Will)
	}
}

// would are the changesets that stock status calls pending: all that an update would run.
func would(state schema.State) []schema.Status {
	return slices.DeleteFunc(slices.Clone(state.Changesets), func(s schema.Status) bool {
		return s.Will != schema.WillRun && s.Will != schema.WillRunAgain && s.Will != schema.RunsAlways
	})
}
