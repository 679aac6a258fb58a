package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/tests/checkout"
)

// stage is a run that is to be ended in the midst of a phase.
type stage struct {
	on      *checkout.Checkout // the site itself, unless it is another stack
	args    []string
	reached func(r *checkout.Run) bool // it is in the midst of it
	ends    bool                       // it ends by itself, at some moment
	repair  func()                     // takes away what made it last
	after   func()                     // what must go well then, before the next set-up
}

// phases are the ways to be in the midst of one.
func phases() []func(*trial) stage {
	return append(endless(), endings()...)
}

// phase is the one that the try has its turn in: by turns, whichever rows are asked for.
func (x *trial) phase() func(*trial) stage {
	all := phases()
	return all[(x.earlier+x.number+1)%len(all)]
}

// endless are those that are made to last.
func endless() []func(*trial) stage {
	return []func(*trial) stage{
		(*trial).inBuild, (*trial).inMigrate, (*trial).inVerify, (*trial).inStart, (*trial).inBootstrap,
	}
}

// endings are those that come to their end.
func endings() []func(*trial) stage {
	return []func(*trial) stage{
		(*trial).inFirstSetup, (*trial).inServices, (*trial).inBackup, (*trial).inDown, (*trial).inReset,
	}
}

// begun is a stage whose moments are all of it.
func begun(*checkout.Run) bool { return true }

// inBuild is a RUN step that sleeps.
func (x *trial) inBuild() stage {
	x.SlowBuild(x.T, "sleep "+x.Marker())
	return stage{
		args:    []string{"build:all"},
		reached: func(*checkout.Run) bool { return len(checkout.ProcessesWith(x.Marker())) > 0 },
		repair:  func() { x.SlowBuild(x.T, "true") },
		after:   func() { x.goesOn(x.Checkout, "build:all") },
	}
}

// inBootstrap is mmdebstrap at work, or a pull where a registry answers.
func (x *trial) inBootstrap() stage {
	return stage{
		args: []string{"build:all", "-force", "-noCache"},
		reached: func(r *checkout.Run) bool {
			roots, _ := filepath.Glob(
				filepath.Join(r.Temp, "poststack-debian-*", "tmp", "mmdebstrap.*", "var", "lib"),
			) // the pattern is well-formed
			return len(roots) > 0 || strings.Contains(r.Output(), "RUN ")
		},
	}
}

// inFirstSetup is the first set-up of another stack, from nothing to its database.
func (x *trial) inFirstSetup() stage {
	first := x.bare.With("POSTSTACK_STACK=" + x.name + "-first")
	x.Cleanup(func() { assert.NoError(x, first.Compiled(nil, "reset", "-yes").Run()) })
	return stage{
		on: first, args: []string{"setup"}, reached: begun, ends: true,
		after: func() { x.goesOn(first, "setup") },
	}
}

// inServices is a start of services that were stopped.
func (x *trial) inServices() stage {
	x.OK(x.T, "services:stop")
	return stage{args: []string{"services:start"}, reached: begun, ends: true}
}

// inBackup is a backup of everything.
func (x *trial) inBackup() stage {
	return stage{args: []string{"db:backup", "-all", "-to=" + x.TempDir()}, reached: begun, ends: true}
}

// inDown is a stop of everything.
func (x *trial) inDown() stage {
	return stage{args: []string{"down"}, reached: begun, ends: true}
}

// inReset is the removal of another stack.
func (x *trial) inReset() stage {
	first := x.bare.With("POSTSTACK_STACK=" + x.name + "-gone")
	x.Cleanup(func() { assert.NoError(x, first.Compiled(nil, "reset", "-yes").Run()) })
	x.goesOn(first, "setup")
	return stage{
		on: first, args: []string{"reset", "-yes"}, reached: begun, ends: true,
		after: func() {
			x.goesOn(first, "setup")
			x.goesOn(first, "reset", "-yes")
		},
	}
}

// inStart is a server that starts and, since it waits for an archive, does not answer.
func (x *trial) inStart() stage {
	x.OK(x.T, "down")
	x.inVolume(`cd "$PGDATA" && touch recovery.signal && echo "restore_command = 'sleep 300'" >> postgresql.auto.conf`)
	return stage{
		args:    []string{"setup"},
		reached: func(r *checkout.Run) bool { return strings.Contains(r.Output(), "waiting until it answers") },
		repair: func() {
			x.OK(x.T, "down")
			x.inVolume(`cd "$PGDATA" && rm recovery.signal && sed -i '/^restore_command/d' postgresql.auto.conf`)
		},
	}
}

// inVolume runs a script as the database's user where the data is.
func (x *trial) inVolume(script string) {
	x.Helper()
	id, err := x.engine.ContainerCreate(x.Context(), engine.ContainerSpec{
		Image: "localhost/poststack/postgres:latest", Entrypoint: []string{"bash", "-euc"}, Command: []string{script},
		User: "postgres", Mounts: []engine.Mount{{Volume: "poststack-" + x.name + "-data", Target: "/var/lib/postgresql"}},
	})
	require.NoError(x, err)
	defer func() { assert.NoError(x, x.engine.ContainerRemove(context.WithoutCancel(x.Context()), id)) }()
	require.NoError(x, x.engine.ContainerStart(x.Context(), id))
	code, err := x.engine.ContainerWait(x.Context(), id)
	require.NoError(x, err)
	var out bytes.Buffer
	require.NoError(x, x.engine.ContainerLogs(x.Context(), id, engine.LogOptions{}, &out, &out))
	require.Zero(x, code, out.String())
}

// inVerify is a server that accepts and never answers.
func (x *trial) inVerify() stage {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(x, err)
	accepted := make(chan net.Conn, 16)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	x.Cleanup(func() { _ = l.Close() })
	return stage{
		on:      x.bare.With("DATABASE_URL=postgres://someone@" + l.Addr().String() + "/mail?sslmode=disable"),
		args:    []string{"verify:db"},
		reached: func(*checkout.Run) bool { return len(accepted) > 0 },
	}
}

// inMigrate is a changeset that sleeps. The repaired one is applied by the next run: what it needs must be free.
func (x *trial) inMigrate() stage {
	x.slow++
	path := filepath.Join(x.Dir, "changelogs", "schema", fmt.Sprintf("9%02d_slow.sql", x.slow))
	write := func(statement string) {
		text := fmt.Sprintf("--liquibase formatted sql\n--changeset faults:slow%[1]d\ncreate table slow%[1]d(id int);\n"+
			"%[2]s;\n--rollback drop table slow%[1]d;\n", x.slow, statement)
		require.NoError(x, os.WriteFile(path, []byte(text), 0o644))
	}
	write("select pg_sleep(300)")
	conn := checkout.Connect(x.T, x.url)
	return stage{
		args: []string{"setup"},
		reached: func(*checkout.Run) bool {
			var sleeping bool
			err := conn.QueryRow(
				x.Context(),
				`select exists (select from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid())`,
			).Scan(&sleeping)
			return err == nil && sleeping
		},
		repair: func() { write("select 1") },
	}
}

// goesOn runs a target that must succeed without help.
func (x *trial) goesOn(c *checkout.Checkout, args ...string) {
	x.Helper()
	if out, err := c.Compiled(nil, args...).CombinedOutput(); err != nil {
		x.help("%v: %v\n%s", args, err, out)
	}
}
