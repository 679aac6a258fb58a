package integration_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

const (
	postgresImage engine.Ref = "localhost/poststack/postgres:latest"
	postgresUID   int        = 999 // of the image, fixed
	passwordPath  string     = "/run/secrets/postgres_password"
)

// postgres is one container of the PostgreSQL image, its volume and its settings. start and fail make a new
// container each time; the volume stays.
type postgres struct {
	*testing.T
	engine   *engine.Engine
	spec     engine.ContainerSpec
	password string
	id       engine.ContainerID
}

func newPostgres(t *testing.T, e *engine.Engine) *postgres {
	t.Helper()
	name := "pgtest-" + strings.ToLower(rand.Text())
	p := &postgres{T: t, engine: e, password: "pw-one", spec: engine.ContainerSpec{
		Name: name, Image: postgresImage, Labels: container.DisposableLabels(),
		Env:    map[string]string{"POSTGRES_USER": "app", "POSTGRES_PASSWORD_FILE": passwordPath},
		Mounts: []engine.Mount{{Volume: name, Target: "/var/lib/postgresql"}},
		Ports:  []engine.Port{{Container: 5432, HostIP: "127.0.0.1"}},
	}}
	require.NoError(t, e.VolumeCreate(t.Context(), name, p.spec.Labels))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		p.remove(ctx)
		assert.NoError(t, e.VolumeRemove(ctx, name))
	})
	return p
}

// file adds a file that only the server may read.
func (p *postgres) file(path, content string, mode int64) {
	p.spec.Files = append(p.spec.Files,
		engine.File{Path: path, Mode: mode, UID: postgresUID, GID: postgresUID, Content: []byte(content)})
}

func (p *postgres) remove(ctx context.Context) {
	if p.id != "" {
		assert.NoError(p, p.engine.ContainerRemove(ctx, p.id))
		p.id = ""
	}
}

// create replaces the container by a new one and starts it.
func (p *postgres) create() {
	p.Helper()
	p.remove(p.Context())
	spec := p.spec
	if spec.Env["POSTGRES_PASSWORD_FILE"] == passwordPath {
		spec.Files = append([]engine.File{
			{Path: passwordPath, Mode: 0o400, UID: postgresUID, GID: postgresUID, Content: []byte(p.password)},
		},
			spec.Files...)
	}
	id, err := p.engine.ContainerCreate(p.Context(), spec)
	require.NoError(p, err)
	p.id = id
	require.NoError(p, p.engine.ContainerStart(p.Context(), id))
}

// start starts a new container and waits until it can be logged in to.
func (p *postgres) start() *pgx.Conn {
	p.Helper()
	p.create()
	return p.login(p.password)
}

// fail starts a new container, which must end by itself, and returns its status and output.
func (p *postgres) fail() (int, string) {
	p.Helper()
	p.create()
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	code, err := p.engine.ContainerWait(ctx, p.id)
	require.NoError(p, err, "it goes on; it said:\n%s", p.logs())
	return code, p.logs()
}

// port is where the container, which must run, is published on this machine; 0 until it is.
func (p *postgres) port() uint16 {
	p.Helper()
	c, err := p.engine.ContainerInspect(p.Context(), string(p.id))
	require.NoError(p, err)
	require.Equal(p, engine.Running, c.State, "the server runs; it said:\n%s", p.logs())
	if len(c.Ports) == 0 {
		return 0
	}
	return c.Ports[0].Host
}

// dial tries to log in over TCP, while the container runs.
func (p *postgres) dial(password, sslmode string) (*pgx.Conn, error) {
	p.Helper()
	return p.dialPort(p.port(), password, sslmode)
}

func (p *postgres) dialPort(port uint16, password, sslmode string) (*pgx.Conn, error) {
	p.Helper()
	if port == 0 {
		return nil, errors.New("no port is published yet")
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d user=app dbname=app sslmode=%s connect_timeout=2",
		port, sslmode))
	require.NoError(p, err)
	config.Password = password
	return pgx.ConnectConfig(p.Context(), config)
}

// login logs in, as soon as that is possible. It asks the engine once a second at most: to answer takes the engine as
// much of the machine as it takes the server to start.
func (p *postgres) login(password string) *pgx.Conn {
	p.Helper()
	conn, err := p.dial(password, "disable")
	for deadline := time.Now().Add(time.Minute); err != nil; {
		require.Less(p, time.Now(), deadline, "%v; the server said:\n%s", err, p.logs())
		port := p.port()
		for look := time.Now().Add(time.Second); err != nil && time.Now().Before(look); {
			time.Sleep(20 * time.Millisecond)
			if port == 0 {
				break
			}
			conn, err = p.dialPort(port, password, "disable")
		}
	}
	p.Cleanup(func() { _ = conn.Close(context.WithoutCancel(p.Context())) })
	return conn
}

// query returns the one value that sql yields.
func (p *postgres) query(conn *pgx.Conn, sql string) (value string) {
	p.Helper()
	require.NoError(p, conn.QueryRow(p.Context(), sql).Scan(&value), sql)
	return value
}

// inside runs a program in the container and returns what it printed.
func (p *postgres) inside(argv ...string) string {
	p.Helper()
	out, err := p.engine.ContainerExec(p.Context(), p.id, engine.ExecSpec{Command: argv})
	require.NoError(p, err)
	require.Zero(p, out.Code, "%q said %s", argv, out.Stderr)
	return strings.TrimSpace(out.Stdout)
}

// healthy is what the image's own health check says.
func (p *postgres) healthy() bool {
	p.Helper()
	return p.answers("healthcheck")
}

// answers tells whether a command inside the container ends well.
func (p *postgres) answers(argv ...string) bool {
	p.Helper()
	out, err := p.engine.ContainerExec(p.Context(), p.id, engine.ExecSpec{Command: argv})
	return err == nil && out.Code == 0
}

func (p *postgres) logs() string {
	p.Helper()
	var out bytes.Buffer
	require.NoError(p, p.engine.ContainerLogs(p.Context(), p.id, engine.LogOptions{}, &out, &out))
	return out.String()
}

// says waits until the container's output has text.
func (p *postgres) says(text string) {
	p.Helper()
	require.Eventually(p, func() bool { return strings.Contains(p.logs(), text) }, time.Minute, 100*time.Millisecond, text)
}

// ready waits until the image's own health check says yes. That takes as much of the machine as the server's start.
func (p *postgres) ready() {
	p.Helper()
	require.Eventually(p, p.healthy, time.Minute, 500*time.Millisecond)
}

// kill ends the container as a lost machine does.
func (p *postgres) kill() {
	p.Helper()
	require.NoError(p, p.engine.ContainerKill(p.Context(), p.id, "SIGKILL"))
	_, err := p.engine.ContainerWait(p.Context(), p.id)
	require.NoError(p, err)
}

// stop stops the container as the image asks for, and returns its status and how long it took.
func (p *postgres) stop() (int, time.Duration) {
	p.Helper()
	begun := time.Now()
	require.NoError(p, p.engine.ContainerStop(p.Context(), p.id, time.Minute))
	took := time.Since(begun)
	c, err := p.engine.ContainerInspect(p.Context(), string(p.id))
	require.NoError(p, err)
	return c.ExitCode, took
}

// with adds environment variables.
func (p *postgres) with(env map[string]string) *postgres {
	maps.Copy(p.spec.Env, env)
	return p
}

// said is the last line of the entrypoint itself.
func said(log string) string {
	last := ""
	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, "entrypoint: ") {
			last = strings.TrimSpace(line)
		}
	}
	return last
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := enginetest.Open(t, kind)
			for _, tests := range []map[string]func(*postgres){postgresTests(), existingTests()} {
				for name, test := range tests {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						test(newPostgres(t, e))
					})
				}
			}
			for _, tests := range []map[string]func(*postgres){entrypointTests(), conventionTests()} {
				for name, test := range tests {
					t.Run(name, func(t *testing.T) {
						enginetest.AnyEngine(t)
						t.Parallel()
						test(newPostgres(t, e))
					})
				}
			}
		})
	}
}

// postgresTests are those in which the engine has a part: with volumes, users, signals, files or rights.
func postgresTests() map[string]func(*postgres) {
	return map[string]func(*postgres){
		"runs as it says":                             runsAsDocumented,
		"keeps its data over a stop with a client":    keepsData,
		"is not ready while it is being initialised":  readyLate,
		"ends when it is stopped while initialising":  stoppedWhileInitialising,
		"a lost machine leaves nothing half done":     killedWhileInitialising,
		"foreign entries beside the data stay":        foreignEntries,
		"a volume may be mounted at PGDATA":           mountedAtData,
		"any user may run it":                         anyUser,
		"root steps down":                             rootStepsDown,
		"the root file system may be read-only":       readOnly,
		"what root or the user may not do is named":   withoutRights,
		"a volume is used by one container at a time": oneAtATime,
		"a certificate is served and renewed":         certificate,
	}
}

// entrypointTests are those of what the entrypoint does by itself.
func entrypointTests() map[string]func(*postgres) {
	return map[string]func(*postgres){
		"a failed init script leaves nothing":         failedScript,
		"every kind of init script is run":            initScripts,
		"a data directory may have blanks":            blanks,
		"a changed password is brought in line":       changedPassword,
		"password files are read as people save them": passwordFiles,
		"a password may hold every hard character":    hardCharacters,
		"what init scripts leave must start":          whatScriptsLeave,
		"a superuser of another name stays inside":    innerSuperuser,
	}
}
