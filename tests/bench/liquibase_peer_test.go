//go:build bench

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// stockDockerfile is Liquibase as its distribution comes, started by its own launcher on Debian's Java.
const stockDockerfile = `ARG BASE_IMAGE
FROM ${BASE_IMAGE}
USER root
RUN apt-get update && mkdir -p /usr/share/man/man1 \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends default-jre-headless \
 && rm -rf /var/lib/apt/lists/*
COPY liquibase/ /liquibase/
RUN chmod +x /liquibase/liquibase
WORKDIR /liquibase
ENTRYPOINT ["/liquibase/liquibase"]
`

// liquibasePeer is stock Liquibase against the database that target names, with the changelog root.yaml in dir.
type liquibasePeer struct{ target, dir string }

// liquibase makes its image.
func (p *peers) liquibase(t *testing.T, target, dir string) (liquibasePeer, error) {
	t.Helper()
	docker, err := p.docker(t)
	if err != nil {
		return liquibasePeer{}, err
	}
	if err := p.buildLiquibase(t.Context(), docker, t.TempDir()); err != nil {
		return liquibasePeer{}, fmt.Errorf("build stock Liquibase: %w", err)
	}
	return liquibasePeer{target, dir}, nil
}

// command runs one of its commands.
func (s liquibasePeer) command(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		u, err := url.Parse(s.target)
		if err != nil {
			return err
		}
		password, _ := u.User.Password()
		// The password stands in argv, as in Liquibase's own examples; the database lives as long as this test.
		return must(exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "host", "-v", s.dir+":/changelog:ro",
			stockLiquibase,
			"--search-path=/changelog", name, "--url=jdbc:postgresql://"+u.Host+u.Path, "--username="+u.User.Username(),
			"--password="+password,
			"--changelog-file=root.yaml"))
	}
}

// buildLiquibase makes the image of stock Liquibase in an empty directory, once.
func (p *peers) buildLiquibase(ctx context.Context, e *engine.Engine, dir string) error {
	if _, err := e.ImageInspect(ctx, stockLiquibase); !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	pack := exec.CommandContext(ctx, "npm", "pack", liquibaseNPM, "--ignore-scripts", "--silent")
	pack.Dir = dir
	if err := must(pack); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err == nil && len(archives) != 1 {
		err = fmt.Errorf("npm packed %d archives", len(archives))
	}
	if err != nil {
		return err
	}
	if err := must(exec.CommandContext(ctx, "tar", "-xzf", archives[0], "-C", dir)); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, "package", "dist", "liquibase"), filepath.Join(dir, "liquibase")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(stockDockerfile), 0o644); err != nil {
		return err
	}
	return must(exec.CommandContext(ctx, "docker", "build", "--network", "host", "-t", stockLiquibase,
		"--build-arg", "BASE_IMAGE="+string(image.LatestRef("base-debian")), dir))
}
