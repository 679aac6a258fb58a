//go:build bench

package bench_test

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/image"
)

// server is a PostgreSQL on which databases are made and removed.
type server struct{ database.Target }

// stackServer is that of the site's checkout.
func (s *site) stackServer() server {
	target, _, err := database.ReadURL(s.c.URL(s.T))
	require.NoError(s, err)
	return server{target}
}

// disposableServer is one for test databases that lives as long as the group. Nobody needs its data after a crash: it
// waits for no disk, and the data is in memory. A database is some 300 files, and to copy them takes 10 ms there, 50 ms
// in a volume and 150 ms in a container's own overlay. The log of writes is kept short, since it is in memory too.
func (s *site) disposableServer() server {
	c, err := container.StartDisposable(s.Context(), s.engine, container.DisposableSpec{
		Image: image.LatestRef("postgres"), Ports: []uint16{5432}, Env: map[string]string{"POSTGRES_PASSWORD": "bench"},
		Command: []string{"postgres", "-c", "fsync=off", "-c", "max_wal_size=128MB"},
		Tmpfs:   []engine.Tmpfs{{Path: "/var/lib/postgresql"}},
	})
	require.NoError(s, err)
	s.Cleanup(func() { assert.NoError(s, c.Close()) })
	at, err := netip.ParseAddrPort(c.Address(5432))
	require.NoError(s, err)
	target := database.Target{
		Host: at.Addr().String(), Port: at.Port(), User: "postgres",
		Password: "bench", Database: "postgres", SSLMode: "disable",
	}
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	require.NoError(s, health.Wait(ctx, health.SQL(target.Redacted(), target.Connect), health.Options{}))
	return server{target}
}

// url is that of another database of the server.
func (v server) url(name string) string {
	v.Database = name
	return v.URL()
}

// recreate makes the database anew and empty.
func (v server) recreate(ctx context.Context, name string) error {
	conn, err := v.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := drop(ctx, conn, name); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+name)
	return err
}

func drop(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, "drop database if exists "+name+" with (force)")
	return err
}

// copyTemplate makes a database of the database template. Its files are copied and not written to the log, which takes
// half as long where no disk is waited for.
func copyTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, "create database "+name+" template template strategy file_copy")
	return err
}

// changelogEnv is the environment that has the targets migrate a database of the server with a changelog of n
// changesets.
func (s *site) changelogEnv(v server, n int, name string) []string {
	root, err := s.changelog(n)
	require.NoError(s, err)
	return []string{"DATABASE_URL=" + v.url(name), "POSTSTACK_CHANGELOG=" + root}
}
