//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/bench"
)

const changesets = 10

// schemaRows compare migrations of databases on the stack's own server.
func (s *site) schemaRows() []bench.Row {
	s.writeChangelog(changesets)
	base := s.c.URL(s.T)
	s.c.OK(s.T, "setup")
	env := []string{"DATABASE_URL=" + databaseURL(s.T, base, "bench"), "POSTSTACK_CHANGELOG=bench/root.yaml"}
	empty := func(ctx context.Context) error { return recreate(ctx, base, "bench", "") }
	noop := bench.Timed("a target that does nothing", nil, s.mage(nil, "noop"))
	update, status, missing := s.peers.liquibase(s.T, databaseURL(s.T, base, "peer"), filepath.Join(s.c.Dir, "bench"))
	var fresh, current *bench.Probe
	if missing == "" {
		fresh = bench.Timed("stock liquibase update", func(ctx context.Context) error { return recreate(ctx, base, "peer", "") }, update)
		current = bench.Timed("stock liquibase update", nil, status)
	}
	require.NoError(s, recreate(s.Context(), base, "bench", ""))
	require.NoError(s, s.mage(env, "schema:update")(s.Context()))
	require.NoError(s, recreate(s.Context(), base, "template", "bench"))
	return []bench.Row{
		{
			Name: "schema:update, 10 changesets", Unit: bench.Seconds, Goal: 1.0 / 3, Missing: missing,
			Ours: bench.Timed("schema:update", empty, s.mage(env, "schema:update")), OursFloor: noop, Peer: fresh,
		},
		{
			Name: "schema:update, none pending", Unit: bench.Seconds, Goal: 1.0 / 30, Missing: missing,
			Ours: bench.Timed("schema:update", s.mage(env, "schema:update"), s.mage(env, "schema:update")), OursFloor: noop, Peer: current,
		},
		{
			Name: "test database from a migrated template", Unit: bench.Seconds, Goal: 0.05,
			Ours: bench.Timed("CREATE DATABASE … TEMPLATE", nil, func(ctx context.Context) error { return recreate(ctx, base, "copy", "template") }),
			Peer: bench.Timed("schema:update", empty, s.compiled(env, "schema:update")),
		},
	}
}

// writeChangelog has the checkout hold a changelog with n small changesets.
func (s *site) writeChangelog(n int) {
	dir := filepath.Join(s.c.Dir, "bench")
	require.NoError(s, os.MkdirAll(dir, 0o755))
	var sql strings.Builder
	sql.WriteString("--liquibase formatted sql\n")
	for i := range n {
		fmt.Fprintf(&sql, "--changeset bench:%d\ncreate table t%d (id int primary key, name text not null);\ncreate index on t%d (name);\n--rollback drop table t%d;\n", i, i, i, i)
	}
	require.NoError(s, os.WriteFile(filepath.Join(dir, "001.sql"), []byte(sql.String()), 0o644))
	root := "databaseChangeLog:\n  - include:\n      file: 001.sql\n      relativeToChangelogFile: true\n"
	require.NoError(s, os.WriteFile(filepath.Join(dir, "root.yaml"), []byte(root), 0o644))
}

// recreate makes the database name anew, empty or as a copy of template.
func recreate(ctx context.Context, base, name, template string) error {
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "drop database if exists "+name+" with (force)"); err != nil {
		return err
	}
	create := "create database " + name
	if template != "" {
		create += " template " + template + " strategy file_copy"
	}
	_, err = conn.Exec(ctx, create)
	return err
}
