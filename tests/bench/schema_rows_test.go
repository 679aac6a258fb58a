//go:build bench

package bench_test

import (
	"context"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// updates compare migrations of databases on the stack's own server.
func updates() group {
	return group{
		rows: []string{
			"schema:update, 10 changesets", "schema:update, none pending", "schema:status, changelog edited, compiled",
		},
		stack: true,
		prepare: func(s *site) []Row {
			v := s.stackServer()
			update := s.mage(s.changelogEnv(v, 10, "bench"), "schema:update")
			empty := func(name string) func(context.Context) error {
				return func(ctx context.Context) error { return v.recreate(ctx, name) }
			}
			require.NoError(s, empty("bench")(s.Context()))
			require.NoError(s, update(s.Context()))
			require.NoError(s, empty("peer")(s.Context()))
			liquibase, err := s.peers.liquibase(s.T, v.url("peer"), filepath.Join(s.c.Dir, "bench10"))
			stock := liquibase.command("update")
			if err == nil {
				err = stock(s.Context())
			}
			return []Row{
				against(Row{
					Name: "schema:update, 10 changesets", Unit: Seconds, Goal: 1.0 / 3,
					Ours: Timed("schema:update", empty("bench"), update), OursFloor: s.noop(),
				}, Timed("stock liquibase update", empty("peer"), stock), nil, err),
				against(Row{
					Name: "schema:update, none pending", Unit: Seconds, Goal: 1.0 / 30,
					Ours: Timed("schema:update", nil, update), OursFloor: s.noop(),
				}, Timed("stock liquibase update", nil, stock), nil, err),
				against(Row{
					Name: "schema:status, changelog edited, compiled", Unit: Seconds, Goal: 0.35,
					Ours: Timed("schema:status", s.edits("bench10/root.yaml"),
						s.compiled(s.changelogEnv(v, 10, "bench"), "schema:status")),
				}, Timed("stock liquibase status", nil, liquibase.command("status")), nil, err),
			}
		},
	}
}

// templates compare a copy of a migrated database with migrating an empty one, on a server for tests.
func templates() group {
	return group{
		rows:  []string{"test database from a migrated template"},
		stack: true,
		prepare: func(s *site) []Row {
			v := s.disposableServer()
			migrate := s.template(v)
			c := s.copies(v)
			return []Row{{
				Name: "test database from a migrated template", Unit: Seconds, Goal: 0.05,
				Ours: Timed("a copy",
					func(ctx context.Context) error { return drop(ctx, c, "copy") },
					func(ctx context.Context) error { return copyTemplate(ctx, c, "copy") }),
				Peer: Timed("schema:update", func(ctx context.Context) error { return v.recreate(ctx, "bench") }, migrate),
			}}
		},
	}
}

// template makes a migrated database with that name, and returns how the database bench is migrated likewise.
func (s *site) template(v server) (migrate func(context.Context) error) {
	for _, name := range []string{"bench", "template"} {
		require.NoError(s, v.recreate(s.Context(), name))
	}
	require.NoError(s, s.compiled(s.changelogEnv(v, 10, "template"), "schema:update")(s.Context()))
	return s.compiled(s.changelogEnv(v, 10, "bench"), "schema:update")
}

// copies is a connection that stays: a test binary has one already when it makes a database.
func (s *site) copies(v server) *pgx.Conn {
	conn, err := v.Connect(s.Context())
	require.NoError(s, err)
	s.Cleanup(func() { _ = conn.Close(context.WithoutCancel(s.Context())) })
	return conn
}
