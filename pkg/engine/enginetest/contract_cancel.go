package enginetest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func (s *suite) cancelCases() []testCase {
	return []testCase{
		{"a cancelled build leaves no process, no container and no tag", s.cancelBuild},
		{"a build that is cancelled already starts nothing", func(ctx context.Context, t *testing.T) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_, err := s.Build(ctx, s.build(t, "cancelled", "COPY marker /marker"))
			require.ErrorIs(t, err, context.Canceled)
		}},
	}
}

func (s *suite) cancelBuild(ctx context.Context, t *testing.T) {
	spec := s.build(t, "cancelled", "COPY marker /marker", `RUN ["/program", "sleep", "120s", "`+s.name+`"]`)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	spec.OnStep = func(st engine.Step) {
		if strings.HasPrefix(st.Text, "RUN") && st.Duration == 0 {
			go func() {
				AwaitProcesses(s.name, true)
				cancel()
			}()
		}
	}
	start := time.Now()
	_, err := s.Build(ctx, spec)
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(start), 30*time.Second)
	assert.Empty(t, AwaitProcesses(s.name, false), "processes left behind")
	assert.Empty(t, Notes(s.name), "working containers left behind")
	_, err = s.ImageInspect(context.WithoutCancel(ctx), spec.Tags[0])
	require.ErrorIs(t, err, engine.ErrNotFound)
}

// AwaitProcesses waits up to 10 seconds until there are processes of the RUN step, or none any more, and
// returns those there are.
func AwaitProcesses(mark string, want bool) []string {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		found := Processes(mark)
		if (len(found) > 0) == want || time.Now().After(deadline) {
			return found
		}
	}
}

// Processes finds the programs of a RUN step, also in other name spaces, by an argument of theirs.
func Processes(mark string) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	var out []string
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err == nil && strings.HasPrefix(string(line), "/program\x00") && strings.Contains(string(line), mark) {
			out = append(out, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return out
}

// Notes finds the working containers that buildah noted the run's base image for, in the usual store.
func Notes(mark string) []string {
	home, _ := os.UserHomeDir() // without one only the other store is looked at
	var out []string
	for _, root := range []string{"/var/lib/containers/storage", filepath.Join(home, ".local/share/containers/storage")} {
		files, _ := filepath.Glob(filepath.Join(root, "*-containers", "*", "userdata", "buildah.json"))
		for _, f := range files {
			if note, err := os.ReadFile(f); err == nil && strings.Contains(string(note), mark) {
				out = append(out, f)
			}
		}
	}
	return out
}
