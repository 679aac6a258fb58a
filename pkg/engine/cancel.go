package engine

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/runner"
)

// cancelPodman ends a podman build from inside: the process of the RUN step is killed, the step fails, and
// the builder cleans up as after any failure (measured with 4.3: containers, mounts and network name space
// are gone). Only a builder that is still busy after buildGrace is told to end itself.
func (b *build) cancelPodman(finished <-chan struct{}, end func()) {
	deadline := time.After(buildGrace)
	for {
		for _, pid := range b.stepProcesses() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		select {
		case <-finished:
			return
		case <-deadline:
			end()
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stepProcesses lists the first processes of the RUN steps under way: buildah keeps each one's number in its
// bundle, below the TMPDIR that this build has for itself.
func (b *build) stepProcesses() []int {
	files, err := filepath.Glob(filepath.Join(b.dir, "buildah*", "pid"))
	if err != nil {
		return nil
	}
	var out []int
	for _, f := range files {
		if pid := readPID(f); pid > 1 {
			out = append(out, pid)
		}
	}
	return out
}

// readPID reads a file with a process's number; without one it is 0.
func readPID(file string) int {
	data, _ := os.ReadFile(file)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

// removeLeftovers removes what a builder that had to be told to end has left: the RUN step's process, the
// runtime's record of it, and the working containers.
func (b *build) removeLeftovers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cleanupTime)
	defer cancel()
	for _, pid := range b.stepProcesses() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	bundles, _ := filepath.Glob(filepath.Join(b.dir, "buildah*")) // the pattern is well-formed
	for _, bundle := range bundles {
		for _, runtime := range []string{"runc", "crun"} {
			if program := b.engine.opts.look(runtime); program != "" {
				_, _ = b.engine.cli.runner.Run(ctx,
					runner.Command{Program: program, Args: []string{"delete", "--force", "buildah-" + filepath.Base(bundle)}})
			}
		}
	}
	for _, id := range b.workingContainers() {
		_, _ = b.engine.cli.run(ctx, "rm", "--force", id)
	}
}

// workingContainers finds the containers of this build by the mark among the arguments that buildah noted.
func (b *build) workingContainers() []string {
	if b.engine.facts.GraphRoot == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(b.engine.facts.GraphRoot, "*-containers", "*", "userdata", "buildah.json"))
	if err != nil {
		return nil
	}
	var out []string
	for _, f := range files {
		var note struct{ Args map[string]string }
		data, err := os.ReadFile(f)
		if err == nil && json.Unmarshal(data, &note) == nil && note.Args[markArg] == b.mark {
			out = append(out, filepath.Base(filepath.Dir(filepath.Dir(f))))
		}
	}
	return out
}

func isLoopbackURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && isLoopback(u.Hostname())
}
