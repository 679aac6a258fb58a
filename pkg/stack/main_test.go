package stack_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/pkg/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The names of the own database's things in the stack "s".
const (
	containerName = "poststack-s-postgres"
	networkName   = "poststack-s"
	volumeName    = "poststack-s-data"
)

// bench is a checkout with an engine in memory. Runs on it are stacks, one after another or at once.
type bench struct {
	engine  *enginetest.Fake
	config  config.Config
	stdin   *os.File
	term    stack.Terminal
	path    string // PATH of the run
	asked   string // the target of the run
	trace   *trace.Recorder
	program func(runner.Command) (runner.Result, error) // what other programs do, if not the usual
	// enabled has the machine start every unit that it is asked about; without it there is no systemd.
	enabled bool
}

// newBench has the images of a small catalogue built, and a port for the database that is free.
func newBench(t *testing.T) *bench {
	t.Helper()
	root := t.TempDir()
	const dockerfile = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"
	for name, text := range map[string]string{
		"base-debian": "description: the base\n",
		"postgres":    "description: a database\nparent: base-debian\n" + declared(t, "postgres"),
		"liquibase":   "description: migrations\nparent: base-debian\n",
		"extra":       "description: one more\nparent: base-debian\n",
	} {
		dir := filepath.Join(root, "containers", name)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "image.yaml"), []byte(text), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644))
	}
	b := &bench{engine: enginetest.NewFake(), config: config.Config{
		Root: root, Engine: "auto", LogLevel: "info", Stack: "s", DebianSuite: "bookworm",
		StateDir: filepath.Join(t.TempDir(), "state", "s"), CacheDir: t.TempDir(),
		Database: config.Database{Name: "poststack", User: "poststack", Port: freePort(t)},
		Schema:   config.Schema{Changelog: "changelogs/db.changelog-root.yaml"},
		Timeout: config.Timeout{
			Build: time.Minute, Pull: time.Minute, Start: time.Minute, Connect: 5 * time.Second, Schema: time.Minute,
			Stop: time.Second,
		},
	}}
	b.engine.AddImage(engine.Image{ID: "sha256:debian", Tags: []engine.Ref{"docker.io/library/debian:bookworm-slim"}})
	return b
}

// declared is the service section of the checkout's own image.yaml.
func declared(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "containers", name, "image.yaml"))
	require.NoError(t, err)
	_, from, found := strings.Cut(string(content), "\nservice:\n")
	require.True(t, found)
	section, _, found := strings.Cut(from, "\nruntime:\n")
	require.True(t, found)
	return "service:\n" + section + "\n"
}

// freePort is a port of 127.0.0.1 on which nothing listens. Those from 32768 on are given to every connection that a
// program makes: one of them would soon be somebody's. Source: ip(7), ip_local_port_range.
func freePort(t *testing.T) uint16 {
	t.Helper()
	for {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000)))
		if err == nil {
			require.NoError(t, l.Close())
			return portOf(l)
		}
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

// digestRef is the tag that the image of these inputs has, and built puts such an image into the engine.
func (b *bench) digestRef(t *testing.T, name string) engine.Ref {
	t.Helper()
	images, err := image.LoadCatalogue(filepath.Join(b.config.Root, "containers"))
	require.NoError(t, err)
	digest, err := images.Digest(name, image.Suite(b.config.DebianSuite))
	require.NoError(t, err)
	return image.DigestRef(name, digest)
}

func (b *bench) built(t *testing.T, names ...string) *bench {
	t.Helper()
	for _, name := range names {
		b.engine.AddImage(engine.Image{
			Tags: []engine.Ref{b.digestRef(t, name), image.LatestRef(name)}, SizeBytes: 4e8, Created: time.Now(),
		})
	}
	return b
}

// journal keeps the events of a run.
type journal struct {
	mu     sync.Mutex
	events []event.Event
	on     func(event.Event) // may be nil
}

func (j *journal) sink(e event.Event) {
	j.mu.Lock()
	j.events = append(j.events, e)
	j.mu.Unlock()
	if j.on != nil {
		j.on(e)
	}
}

// texts are those of the events of a kind.
func (j *journal) texts(kind event.Kind) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var texts []string
	for _, e := range j.events {
		if e.Kind == kind {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// last is the last event of a kind.
func (j *journal) last(t *testing.T, kind event.Kind) event.Event {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := len(j.events) - 1; i >= 0; i-- {
		if j.events[i].Kind == kind {
			return j.events[i]
		}
	}
	require.Fail(t, "no such event", string(kind))
	return event.Event{}
}

// open begins a run, which the test must not close itself.
func (b *bench) open(t *testing.T) (*stack.Stack, context.Context, *journal) {
	t.Helper()
	j := &journal{}
	s, ctx := b.openWith(t, j)
	t.Cleanup(func() { assert.NoError(t, s.Close(nil)) })
	return s, ctx, j
}

// openWith begins a run whose events j keeps.
func (b *bench) openWith(t *testing.T, j *journal) (*stack.Stack, context.Context) {
	t.Helper()
	secrets := &secret.Set{}
	logs, err := logging.Open(logging.Options{Dir: filepath.Join(b.config.Root, "logs"), Secrets: secrets})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, logs.Close()) })
	o := stack.Options{
		Config: b.config, Logs: logs, Secrets: secrets, Sink: j.sink, Stdin: b.stdin, Term: b.term, Asked: b.asked,
		Trace: b.trace,
		Getenv: func(name string) string {
			if name == "PATH" {
				return b.path
			}
			return ""
		},
		System:  engine.System{Known: true, Systemd: b.enabled},
		Network: doctor.Network{Mirrors: []string{}}, // what a mirror answers is for the tests of doctor
		Runner: runner.Func(func(_ context.Context, c runner.Command) (runner.Result, error) {
			if b.program != nil {
				return b.program(c)
			}
			if c.Program == "systemctl" {
				return runner.Result{Stdout: "enabled\n"}, nil
			}
			return runner.Result{Stdout: "0123abc\n"}, nil
		}),
	}
	if b.engine != nil {
		o.Engine = b.engine
	}
	return stack.Open(t.Context(), o)
}

// phase does one phase in a run of its own.
func (b *bench) phase(t *testing.T, do func(*stack.Stack, context.Context) error) (*journal, error) {
	t.Helper()
	j := &journal{}
	s, ctx := b.openWith(t, j)
	err := s.Fail(do(s, ctx))
	return j, s.Close(err)
}

// state is the path of a file in the state directory, which is made.
func (b *bench) state(t *testing.T, name string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(b.config.StateDir, 0o700))
	return filepath.Join(b.config.StateDir, name)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// changelog is the path of the root changelog, whose directory is made.
func changelog(t *testing.T, b *bench) string {
	t.Helper()
	path := filepath.Join(b.config.Root, b.config.Schema.Changelog)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	return path
}
