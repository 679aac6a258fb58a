//go:build bench

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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
    command: [--search-path=/changelog, update, "--url=jdbc:postgresql://db:5432/postgres", --username=postgres,
      --password=bench, --changelog-file=db.changelog-root.yaml]
volumes: { data: {} }
`
)

// peers are what Poststack is compared with. They are made at most once, and only when they are asked for.
type peers struct {
	asked   bool
	dir     string   // where what was fetched is kept
	program []string // how compose is called, once it is there
}

func newPeers(t *testing.T, asked bool) *peers {
	t.Helper()
	cache, err := enginetest.CacheDir()
	require.NoError(t, err)
	return &peers{asked: asked, dir: filepath.Join(cache, "peers")}
}

var errNotAsked = errors.New("not asked for (mage bench -peers)")

// docker is the engine that peers run on, if they were asked for.
func (p *peers) docker(t *testing.T) (*engine.Engine, error) {
	t.Helper()
	if !p.asked {
		return nil, errNotAsked
	}
	docker, err := engine.Open(t.Context(), enginetest.Options(t, engine.Docker))
	if err != nil {
		return nil, errors.New("docker does not work here")
	}
	t.Cleanup(func() { _ = docker.Close() })
	return docker, nil
}

// officialPostgres names the official image if the engine has it: it is not fetched.
func (p *peers) officialPostgres(ctx context.Context, e *engine.Engine) (engine.Ref, error) {
	for _, ref := range officialNames() {
		if _, err := e.ImageInspect(ctx, ref); !errors.Is(err, engine.ErrNotFound) {
			return ref, err
		}
	}
	return "", errors.New("the engine has no postgres:15")
}

// compose is the same work through docker compose, the official image and stock Liquibase: with everything
// running, and from a fresh volume. It runs on docker, whichever engine it is compared with.
func (p *peers) compose(t *testing.T) (warm, fresh *Probe, err error) {
	t.Helper()
	docker, err := p.docker(t)
	if err != nil {
		return nil, nil, err
	}
	official, err := p.officialPostgres(t.Context(), docker)
	if err != nil {
		return nil, nil, err
	}
	if err := p.prepare(t, docker); err != nil {
		return nil, nil, err
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, nil, err
	}
	dir := t.TempDir()
	text := fmt.Sprintf(composeTemplate, official, stockLiquibase, filepath.Join(root, "changelogs"))
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o644); err != nil {
		return nil, nil, err
	}
	run := p.project(dir, nil)
	down, up := run("down", "--volumes"), run("run", "--rm", "-T", "migrate")
	t.Cleanup(func() { _ = down(context.WithoutCancel(t.Context())) })
	return Timed("compose", nil, up), Timed("compose", down, up), up(t.Context())
}

// prepare has compose itself and stock Liquibase be there.
func (p *peers) prepare(t *testing.T, docker *engine.Engine) (err error) {
	t.Helper()
	if p.program, err = p.prepareCompose(t.Context()); err != nil {
		return fmt.Errorf("build docker compose: %w", err)
	}
	if err := p.buildLiquibase(t.Context(), docker, t.TempDir()); err != nil {
		return fmt.Errorf("build stock Liquibase: %w", err)
	}
	return nil
}

// project gives the commands of the compose file in a directory.
func (p *peers) project(dir string, env []string) func(args ...string) func(context.Context) error {
	return func(args ...string) func(context.Context) error {
		all := slices.Concat(p.program[1:], []string{"--project-name", "poststack-bench", "--project-directory", dir}, args)
		return func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, p.program[0], all...)
			cmd.Env = append(os.Environ(), env...)
			return must(cmd)
		}
	}
}

// prepareCompose finds the installed plugin, or builds compose from its Go module. It returns how to call it.
func (p *peers) prepareCompose(ctx context.Context) ([]string, error) {
	if exec.CommandContext(ctx, "docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}, nil
	}
	program := filepath.Join(p.dir, "docker-compose")
	if _, err := os.Stat(program); err == nil {
		return []string{program}, nil
	}
	return []string{program}, p.buildCompose(ctx, program)
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
	for _, args := range [][]string{
		{"mod", "init", "compose"}, {"get", composeModule}, {"mod", "tidy"}, {"build", "-o", program, composeModule + "/cmd"},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod")
		if err := must(cmd); err != nil {
			return err
		}
	}
	return nil
}
