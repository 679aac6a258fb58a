package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/session"
)

// networkArgs choose the network of the RUN steps. A proxy on this machine's loopback is only reached from the host's.
//
// Builds of rootful podman get a bridge of their own each. On one that they share, a step that ends takes its interface
// away, and the bridge, which has the lowest hardware address of those on it, gets another: steps of other builds go on
// sending to the old one until they ask anew, and hear nothing for up to 50 seconds (netavark 1.4; docker fixes the
// address). Without podman's name server, which a step does not need, one program less is started for each.
func (b *build) networkArgs(ctx context.Context, localProxy bool) ([]string, error) {
	if localProxy {
		return []string{"--network", "host"}, nil
	}
	info := b.engine.info
	if b.engine.cli.dialect() != dialectBuildah || info.Rootless || !atLeast(info.Version, 4, 0) {
		return nil, nil
	}
	name := filepath.Base(b.dir)
	args := append([]string{"network", "create", "--disable-dns"}, pairs("--label", session.Labels())...)
	b.network = name // also when the command is interrupted: it may be there
	_, err := AskAgain(ctx, func() (runner.Result, error) { return b.engine.cli.run(ctx, append(args, name)...) })
	if err != nil {
		return nil, fmt.Errorf("create network %q for a build: %w", name, err)
	}
	return []string{"--network", name}, nil
}

// clear removes what the build has worked with.
func (b *build) clear(ctx context.Context) {
	if b.network != "" {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer cancel()
		_ = b.engine.NetworkRemove(ctx, b.network) // or the next run's sweep does
	}
	_ = os.RemoveAll(b.dir)
}
