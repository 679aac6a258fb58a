package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	owner "github.com/poststack/poststack/pkg/session"
)

// process is a process of this machine.
type process struct {
	pid  int
	argv []string
}

func (p process) String() string { return fmt.Sprintf("process %d %q", p.pid, p.argv) }

// processes lists those that run started: they have its mark in their environment. What keeps a container
// running belongs to the container.
func processes(mark string) []process {
	return processesWhere(func(dir string, argv []string) bool {
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		keeper := []string{"conmon", "aardvark-dns", "dnsmasq"}
		return err == nil && bytes.Contains(env, []byte(markVariable+"="+mark+"\x00")) &&
			!slices.Contains(keeper, filepath.Base(argv[0]))
	})
}

// processesWith lists those that have arg among their arguments; containers' processes are seen from here.
func processesWith(arg string) []process {
	return processesWhere(func(_ string, argv []string) bool { return slices.Contains(argv[1:], arg) })
}

func processesWhere(wanted func(dir string, argv []string) bool) (found []process) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(line) == 0 { // ended, or only a zombie is left
			continue
		}
		argv := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && pid != os.Getpid() && wanted(dir, argv) {
			found = append(found, process{pid, argv})
		}
	}
	return found
}

// disposables lists what is on the engine and must not stay there: disposable containers and networks, and
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
	args := []string{"ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Command}}"}
	if s.kind == engine.Podman {
		args = append(args, "--external") // those of its builder
	}
	for line := range strings.Lines(engineOutput(t, s.kind, args...)) {
		if strings.Contains(line, "buildah") || strings.Contains(line, s.marker) ||
			strings.Contains(line, "-working-container") {
			found = append(found, "build container "+strings.TrimSpace(line))
		}
	}
	return found
}

// leftovers lists everything that the run should have taken with it.
func (s *site) leftovers(t *testing.T, r *run) (found []string) {
	t.Helper()
	found = s.disposables(t)
	for _, p := range append(processes(r.mark), processesWith(s.marker)...) {
		found = append(found, p.String())
	}
	own := filepath.Join(r.temp, fmt.Sprintf("poststack-%d", os.Getuid())) // the user's place for sockets: it stays, empty
	for _, pattern := range []string{
		filepath.Join(r.temp, "*"), filepath.Join(own, "*"),
		filepath.Join(s.cache, "staging", "*"), filepath.Join(s.cache, "locks", "bootstrap.dir"),
		filepath.Join(s.c.Dir, "magefiles", "mage_output_file.go"),
	} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, files...)
	}
	return slices.DeleteFunc(found, func(what string) bool { return what == own || slices.Contains(s.before, what) })
}

// settle waits until nothing of the run is left, for at most ten seconds after it was told to end.
func (s *site) settle(t *testing.T, r *run, told time.Time) {
	t.Helper()
	var left []string
	gone := func() bool { left = s.leftovers(t, r); return len(left) == 0 }
	for !gone() && time.Since(told) < 10*time.Second {
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("nothing was left %.1f s after the signal", time.Since(told).Seconds())
	assert.Empty(t, left, "left ten seconds after the signal; it printed:\n%s", r.output())
}

// images are the IDs behind the tags of the images that are in use.
func (s *site) images(t *testing.T) map[engine.Ref]engine.ImageID {
	t.Helper()
	found := map[engine.Ref]engine.ImageID{}
	for _, name := range []string{"base-debian", "postgres", "liquibase", slowImage} {
		ref := engine.Ref("localhost/poststack/" + name + ":latest")
		image, err := s.engine.ImageInspect(t.Context(), ref)
		require.NoError(t, err)
		found[ref] = image.ID
	}
	return found
}
