//go:build bench

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/bench"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// officialNames are the names that the official image of our major version is stored under.
func officialNames() []engine.Ref {
	return []engine.Ref{"postgres:15", "docker.io/library/postgres:15", "localhost/postgres:15"}
}

const (
	composeModule   = "github.com/docker/compose/v2"
	liquibaseNPM    = "liquibase@4.28.1"
	stockLiquibase  = "localhost/poststack-bench/liquibase:4.28"
	composeTemplate = `services:
  db:
    image: %s
    environment: { POSTGRES_PASSWORD: bench }
    ports: ["127.0.0.1::5432"]
    volumes: [data:/var/lib/postgresql/data]
    healthcheck: { test: [CMD, pg_isready, -U, postgres, -h, 127.0.0.1], interval: 1s, retries: 60 }
  migrate:
    image: %s
    depends_on: { db: { condition: service_healthy } }
    volumes: ["%s:/changelog:ro"]
    command: [--search-path=/changelog, update, "--url=jdbc:postgresql://db:5432/postgres", --username=postgres, --password=bench, --changelog-file=db.changelog-root.yaml]
volumes: { data: {} }
`
)

// peers are what Poststack is compared with. They are made at most once, and only when they are asked for.
type peers struct {
	asked bool
	dir   string // where what was fetched is kept
	args  []string
	env   []string
}

func newPeers(t *testing.T, asked bool) *peers {
	t.Helper()
	cache, err := enginetest.CacheDir()
	require.NoError(t, err)
	return &peers{asked: asked, dir: filepath.Join(cache, "peers")}
}

const notAsked = "not asked for (mage bench -peers)"

// docker is the engine that peers run on.
func (p *peers) docker(t *testing.T) (*engine.Engine, string) {
	t.Helper()
	docker, err := engine.Open(t.Context(), enginetest.Options(t, engine.Docker))
	if err != nil {
		return nil, "docker does not work here"
	}
	t.Cleanup(func() { _ = docker.Close() })
	return docker, ""
}

// officialPostgres names the official image if the engine has it: it is not fetched.
func (p *peers) officialPostgres(t *testing.T, e *engine.Engine) (engine.Ref, string) {
	t.Helper()
	for _, ref := range officialNames() {
		if _, err := e.ImageInspect(t.Context(), ref); err == nil {
			return ref, ""
		} else if !errors.Is(err, engine.ErrNotFound) {
			require.NoError(t, err)
		}
	}
	return "", "the engine has no postgres:15"
}

// compose is the same work through docker compose, the official image and stock Liquibase: with everything
// running, and from a fresh volume. It runs on docker, whichever engine it is compared with.
func (p *peers) compose(t *testing.T) (warm, fresh *bench.Probe, missing string) {
	t.Helper()
	if !p.asked {
		return nil, nil, notAsked
	}
	docker, missing := p.docker(t)
	if missing != "" {
		return nil, nil, missing
	}
	official, missing := p.officialPostgres(t, docker)
	if missing != "" {
		return nil, nil, missing
	}
	if missing = p.prepareCompose(t); missing != "" {
		return nil, nil, missing
	}
	if missing = p.buildLiquibase(t, docker); missing != "" {
		return nil, nil, missing
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	dir := t.TempDir()
	text := fmt.Sprintf(composeTemplate, official, stockLiquibase, filepath.Join(root, "changelogs"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o644))
	run := func(args ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			all := append(append([]string{}, p.args[1:]...), append([]string{"--project-name", "poststack-bench", "--project-directory", dir}, args...)...)
			cmd := exec.CommandContext(ctx, p.args[0], all...)
			cmd.Env = append(os.Environ(), p.env...)
			return must(cmd)
		}
	}
	t.Cleanup(func() { _ = run("down", "--volumes")(context.WithoutCancel(t.Context())) })
	up := run("run", "--rm", "-T", "migrate")
	require.NoError(t, up(t.Context()))
	return bench.Timed("compose", up, up), bench.Timed("compose", run("down", "--volumes"), up), ""
}

// prepareCompose finds the installed plugin, or builds compose from its Go module.
func (p *peers) prepareCompose(t *testing.T) (missing string) {
	t.Helper()
	if exec.CommandContext(t.Context(), "docker", "compose", "version").Run() == nil {
		p.args = []string{"docker", "compose"}
		return ""
	}
	program := filepath.Join(p.dir, "docker-compose")
	if _, err := os.Stat(program); err != nil {
		if err := p.buildCompose(t.Context(), program); err != nil {
			return "build docker compose: " + err.Error()
		}
	}
	p.args = []string{program}
	return ""
}

// buildCompose compiles compose in a module of its own.
func (p *peers) buildCompose(ctx context.Context, program string) error {
	dir := filepath.Join(p.dir, "compose")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	source := "//go:build tools\n\npackage tools\n\nimport _ \"" + composeModule + "/cmd\"\n"
	if err := os.WriteFile(filepath.Join(dir, "tools.go"), []byte(source), 0o644); err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(dir, "go.mod"))
	for _, args := range [][]string{{"mod", "init", "compose"}, {"get", composeModule}, {"mod", "tidy"}, {"build", "-o", program, composeModule + "/cmd"}} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod")
		if err := must(cmd); err != nil {
			return err
		}
	}
	return nil
}
