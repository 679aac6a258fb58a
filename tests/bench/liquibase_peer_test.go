//go:build bench

package bench_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// stockDockerfile is Liquibase as its distribution comes, started by its own launcher on Debian's Java.
const stockDockerfile = `ARG BASE_IMAGE
FROM ${BASE_IMAGE}
USER root
RUN apt-get update && mkdir -p /usr/share/man/man1 \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends default-jre-headless && rm -rf /var/lib/apt/lists/*
COPY liquibase/ /liquibase/
RUN chmod +x /liquibase/liquibase
WORKDIR /liquibase
ENTRYPOINT ["/liquibase/liquibase"]
`

// liquibase is stock Liquibase against the database that target names, with the changelog in dir.
func (p *peers) liquibase(t *testing.T, target, dir string) (update, again func(context.Context) error, missing string) {
	t.Helper()
	if !p.asked {
		return nil, nil, notAsked
	}
	docker, missing := p.docker(t)
	if missing == "" {
		missing = p.buildLiquibase(t, docker)
	}
	if missing != "" {
		return nil, nil, missing
	}
	u, err := url.Parse(target)
	require.NoError(t, err)
	password, _ := u.User.Password()
	run := func(ctx context.Context) error {
		// The password stands in argv, as in Liquibase's own examples; the database lives as long as this test.
		return must(exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "host", "-v", dir+":/changelog:ro", stockLiquibase,
			"--search-path=/changelog", "update", "--url=jdbc:postgresql://"+u.Host+u.Path, "--username="+u.User.Username(), "--password="+password,
			"--changelog-file=root.yaml"))
	}
	return run, run, ""
}

// buildLiquibase makes the image of stock Liquibase, once.
func (p *peers) buildLiquibase(t *testing.T, e *engine.Engine) (missing string) {
	t.Helper()
	if _, err := e.ImageInspect(t.Context(), stockLiquibase); err == nil {
		return ""
	}
	dir := t.TempDir()
	pack := exec.CommandContext(t.Context(), "npm", "pack", liquibaseNPM, "--ignore-scripts", "--silent")
	pack.Dir = dir
	if err := must(pack); err != nil {
		return "fetch Liquibase: " + err.Error()
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	require.NoError(t, err)
	require.Len(t, archives, 1)
	require.NoError(t, must(exec.CommandContext(t.Context(), "tar", "-xzf", archives[0], "-C", dir)))
	require.NoError(t, os.Rename(filepath.Join(dir, "package", "dist", "liquibase"), filepath.Join(dir, "liquibase")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(stockDockerfile), 0o644))
	build := exec.CommandContext(t.Context(), "docker", "build", "--network", "host", "-t", stockLiquibase,
		"--build-arg", "BASE_IMAGE="+string(image.LatestRef("base-debian")), dir)
	if err := must(build); err != nil {
		return "build stock Liquibase: " + err.Error()
	}
	return ""
}
