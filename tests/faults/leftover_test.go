package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	owner "github.com/poststack/poststack/pkg/session"
	"github.com/poststack/poststack/tests/checkout"
)

// disposables lists what is on the engine and must not stay there: disposable containers, networks and volumes, and
// containers that a builder works in. Those whose owner lives are somebody else's.
func (s *site) disposables(t *testing.T) (found []string) {
	t.Helper()
	label := map[string]string{container.LabelDisposable: "true"}
	containers, err := s.engine.ContainerList(t.Context(), label)
	require.NoError(t, err)
	for _, c := range containers {
		if !owner.Alive(c.Labels[container.LabelSession]) {
			found = append(found, "container "+c.Name)
		}
	}
	networks, err := s.engine.NetworkList(t.Context(), label)
	require.NoError(t, err)
	for _, n := range networks {
		if !owner.Alive(n.Labels[container.LabelSession]) {
			found = append(found, "network "+n.Name)
		}
	}
	volumes, err := s.engine.VolumeList(t.Context(), label)
	require.NoError(t, err)
	for _, v := range volumes {
		if !owner.Alive(v.Labels[container.LabelSession]) {
			found = append(found, "volume "+v.Name)
		}
	}
	args := []string{"ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Command}}"}
	if s.kind == engine.Podman {
		args = append(args, "--external") // those of its builder
	}
	for line := range strings.Lines(engineOutput(t, s.engine, args...)) {
		if strings.Contains(line, "buildah") || strings.Contains(line, s.Marker()) ||
			strings.Contains(line, "-working-container") {
			found = append(found, "build container "+strings.TrimSpace(line))
		}
	}
	return found
}

// leftovers lists everything that the run should have taken with it.
func (s *site) leftovers(t *testing.T, r *checkout.Run) (found []string) {
	t.Helper()
	found = s.disposables(t)
	for _, p := range append(r.Processes(), checkout.ProcessesWith(s.Marker())...) {
		found = append(found, p.String())
	}
	own := filepath.Join(r.Temp, fmt.Sprintf("poststack-%d", os.Getuid())) // the user's place for sockets: it stays, empty
	for _, pattern := range []string{
		filepath.Join(r.Temp, "*"), filepath.Join(own, "*"),
		filepath.Join(s.cache, "staging", "*"), filepath.Join(s.cache, "locks", "bootstrap.dir"),
		filepath.Join(s.Dir, "magefiles", "mage_output_file.go"),
	} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, slices.DeleteFunc(files, ofTheLiving)...)
	}
	return slices.DeleteFunc(found, func(what string) bool { return what == own || slices.Contains(s.before, what) })
}

// ofTheLiving tells whether a temporary directory names an owner that runs: somebody else builds meanwhile.
func ofTheLiving(path string) bool {
	part := regexp.MustCompile(`-(\d+)-(\d+)-\d+$`).FindStringSubmatch(path)
	return part != nil && owner.Alive(part[1]+"@"+part[2])
}

// settles waits until nothing of the run is left, for at most ten seconds after it was told to end.
func (x *trial) settles(r *checkout.Run, told time.Time) {
	x.Helper()
	var left []string
	gone := func() bool { left = x.leftovers(x.T, r); return len(left) == 0 }
	for !gone() && time.Since(told) < 10*time.Second {
		time.Sleep(50 * time.Millisecond)
	}
	x.Logf("nothing was left %.1f s after it was told to end", time.Since(told).Seconds())
	for _, what := range left {
		x.leave("%s, ten seconds after it was told to end", what)
	}
}
