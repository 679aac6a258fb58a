package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// slowImage is an image of the scratch checkout only, whose build can be made to last.
const slowImage = "e2e-slow"

// site is a checkout that is set up, and what there is before a run.
type site struct {
	c      *checkout.Checkout
	kind   engine.Kind
	engine *engine.Engine
	name   string   // of the stack
	cache  string   // Poststack's cache directory
	marker string   // an argument that only processes of the slow build have
	before []string // what was left by others
	slow   int      // how many slow changesets there have been
}

// newSite sets a checkout up.
func newSite(t *testing.T, kind engine.Kind) *site {
	t.Helper()
	s := &site{c: checkout.New(t, kind), kind: kind, engine: enginetest.Open(t, kind)}
	s.marker = "300.0" + digits(s.c.Dir)
	var err error
	s.cache, err = enginetest.CacheDir()
	require.NoError(t, err)
	s.c.OK(t, "install")
	s.slowBuild(t, "true")
	t.Cleanup(func() { s.removeSlow(t) })
	s.c.OK(t, "build:all")
	s.c.OK(t, "setup")
	s.name = s.c.Stack(t)
	return s
}

// digits are those of text, which a unique path has enough of.
func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// removeSlow removes the slow image with all of its tags.
func (s *site) removeSlow(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	image, err := s.engine.ImageInspect(ctx, engine.Ref("localhost/poststack/"+slowImage+":latest"))
	require.NoError(t, err)
	for _, tag := range image.Tags {
		assert.NoError(t, s.engine.ImageRemove(ctx, tag))
	}
}

// slowBuild declares the slow image with command as its only step.
func (s *site) slowBuild(t *testing.T, command string) {
	t.Helper()
	dir := filepath.Join(s.c.Dir, "containers", slowImage)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "image.yaml"),
		[]byte("description: An image whose build can be made to last\nparent: base-debian\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"),
		[]byte("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN "+command+"\n"), 0o644))
}

// stage is a phase that is made to last.
type stage struct {
	args    []string
	env     []string
	reached func(r *run) bool // it is in the midst of it
	repair  func()            // takes away what made it last
	after   []string          // the targets that must succeed then
	again   []string          // the environment that they get
}

// phases are the ways to make a phase last, by name.
func phases() map[string]func(*testing.T, *site) stage {
	return map[string]func(*testing.T, *site) stage{
		"build": inBuild, "bootstrap": inBootstrap, "first start": inFirstStart,
		"start": inStart, "verify": inVerify, "migrate": inMigrate,
	}
}

// inBuild is a RUN step that sleeps.
func inBuild(t *testing.T, s *site) stage {
	t.Helper()
	s.slowBuild(t, "sleep "+s.marker)
	return stage{
		args:    []string{"build:all"},
		reached: func(*run) bool { return len(processesWith(s.marker)) > 0 },
		repair:  func() { s.slowBuild(t, "true") },
		after:   []string{"build:all"},
	}
}

// inBootstrap is mmdebstrap at work, or a pull where a registry answers.
func inBootstrap(_ *testing.T, _ *site) stage {
	return stage{
		args: []string{"build:all", "-force", "-noCache"},
		reached: func(r *run) bool {
			// the pattern is well-formed
			roots, _ := filepath.Glob(filepath.Join(r.temp, "poststack-debian-*", "tmp", "mmdebstrap.*", "var", "lib"))
			return len(roots) > 0 || strings.Contains(r.output(), "RUN ")
		},
		repair: func() {}, after: []string{"setup"},
	}
}

// inFirstStart is a stack's first start: the container is there, and the server is not.
func inFirstStart(t *testing.T, s *site) stage {
	t.Helper()
	stack := "POSTSTACK_STACK=" + s.name + "-first"
	t.Cleanup(func() { assert.NoError(t, compiled(s.c, []string{stack}, "reset", "-yes").Run()) })
	return stage{
		args: []string{"db:start"}, env: []string{stack},
		reached: func(*run) bool {
			_, err := s.engine.ContainerInspect(t.Context(), "poststack-"+s.name+"-first-postgres")
			return err == nil
		},
		repair: func() {}, after: []string{"db:start"}, again: []string{stack},
	}
}

// inStart is a server that starts and, since it waits for an archive, does not answer.
func inStart(t *testing.T, s *site) stage {
	t.Helper()
	s.c.OK(t, "down")
	s.inVolume(t, `cd "$PGDATA" && touch recovery.signal && echo "restore_command = 'sleep 300'" >> postgresql.auto.conf`)
	return stage{
		args:    []string{"setup"},
		reached: func(r *run) bool { return strings.Contains(r.output(), "waiting until it answers") },
		repair: func() {
			s.c.OK(t, "down")
			s.inVolume(t, `cd "$PGDATA" && rm recovery.signal && sed -i '/^restore_command/d' postgresql.auto.conf`)
		},
		after: []string{"setup"},
	}
}

// inVolume runs a script as the database's user where the data is.
func (s *site) inVolume(t *testing.T, script string) {
	t.Helper()
	id, err := s.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Image: "localhost/poststack/postgres:latest", Entrypoint: []string{"bash", "-euc"}, Command: []string{script},
		User: "postgres", Mounts: []engine.Mount{{Volume: "poststack-" + s.name + "-data", Target: "/var/lib/postgresql"}},
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.engine.ContainerRemove(context.WithoutCancel(t.Context()), id)) }()
	require.NoError(t, s.engine.ContainerStart(t.Context(), id))
	code, err := s.engine.ContainerWait(t.Context(), id)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, s.engine.ContainerLogs(t.Context(), id, engine.LogOptions{}, &out, &out))
	require.Zero(t, code, out.String())
}

// inVerify is a server that accepts and never answers.
func inVerify(t *testing.T, _ *site) stage {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
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
	t.Cleanup(func() { _ = l.Close() })
	return stage{
		args:    []string{"verify:db"},
		env:     []string{"DATABASE_URL=postgres://someone@" + l.Addr().String() + "/mail?sslmode=disable"},
		reached: func(*run) bool { return len(accepted) > 0 },
		repair:  func() {}, after: []string{"setup"},
	}
}

// inMigrate is a changeset that sleeps. The repaired one is applied by the next run: what it needs must be free.
func inMigrate(t *testing.T, s *site) stage {
	t.Helper()
	s.slow++
	path := filepath.Join(s.c.Dir, "changelogs", "schema", fmt.Sprintf("9%02d_slow.sql", s.slow))
	write := func(statement string) {
		text := fmt.Sprintf("--liquibase formatted sql\n--changeset e2e:slow%[1]d\ncreate table slow%[1]d(id "+
			"int);\n%[2]s;\n--rollback drop table slow%[1]d;\n", s.slow, statement)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	write("select pg_sleep(300)")
	conn := connect(t, s.c.URL(t))
	return stage{
		args: []string{"setup"},
		reached: func(*run) bool {
			var sleeping bool
			err := conn.QueryRow(t.Context(), `select exists (select from pg_stat_activity where query like '%pg_sleep%'
				and pid <> pg_backend_pid())`).Scan(&sleeping)
			return err == nil && sleeping
		},
		repair: func() { write("select 1") },
		after:  []string{"setup"},
	}
}
